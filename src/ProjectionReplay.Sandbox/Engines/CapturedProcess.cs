using System.Diagnostics;

namespace ProjectionReplay.Sandbox.Engines;

/// <summary>Runs a program to its end and keeps what it says.</summary>
internal static class CapturedProcess
{
    /// <summary>Starts the program, waits, and returns its exit code with its two outputs in one text.</summary>
    /// <exception cref="SandboxException">The program is not there.</exception>
    public static async Task<(int ExitCode, string Output)> RunAsync(ProcessStartInfo start, CancellationToken cancellationToken)
    {
        start.RedirectStandardOutput = start.RedirectStandardError = start.RedirectStandardInput = true;
        start.UseShellExecute = false;
        using var process = new Process { StartInfo = start };
        try
        {
            process.Start();
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new SandboxException($"'{start.FileName}' could not be started: {e.Message}", e);
        }

        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        var error = process.StandardError.ReadToEndAsync(cancellationToken);
        try
        {
            await process.WaitForExitAsync(cancellationToken);
            return (process.ExitCode, await output + await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }
}
