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
            catch (IOException exception) when (IsHeld(exception) && !cancellationToken.IsCancellationRequested)
            {
                if (!isHeld)
                    whenHeld();
                isHeld = true;
                await Task.Delay(s_pause, cancellationToken);
            }
        }
    }

    /// <summary>Not: no such folder, no room, no such device. HResult is errno but on Windows.</summary>
    private static bool IsHeld(IOException exception)
    {
        const int SharingViolation = unchecked((int)0x80070020);
        const int LinuxTryAgain = 11;
        const int MacTryAgain = 35;
        return exception.HResult is SharingViolation or LinuxTryAgain or MacTryAgain;
    }
}
