namespace ProjectionReplay.Sandbox.Engines;

/// <summary>A lock between processes that the operating system frees when its holder dies.</summary>
internal static class FileLock
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(200);

    /// <summary>Waits until this process holds the file; dispose the result to let go.</summary>
    /// <param name="path">The file.</param>
    /// <param name="whenHeld">Told once when somebody else holds it.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<FileStream> TakeAsync(string path, Action whenHeld, CancellationToken cancellationToken)
    {
        var isHeld = false;
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (!cancellationToken.IsCancellationRequested)
            {
                if (!isHeld)
                    whenHeld();
                isHeld = true;
                await Task.Delay(s_pause, cancellationToken);
            }
        }
    }
}
