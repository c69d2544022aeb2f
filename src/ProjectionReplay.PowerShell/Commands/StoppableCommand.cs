using System.Management.Automation;

namespace ProjectionReplay.PowerShell;

/// <summary>A command that has servers work for it, and has them stop when its pipeline is stopped.</summary>
public abstract class StoppableCommand : PSCmdlet, IDisposable
{
    private readonly CancellationTokenSource _stopping = new();

    private protected StoppableCommand()
    {
    }

    /// <summary>Cancelled when the pipeline is stopped.</summary>
    private protected CancellationToken StopToken => _stopping.Token;

    /// <inheritdoc/>
    public void Dispose()
    {
        _stopping.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <inheritdoc/>
    protected override void StopProcessing() => _stopping.Cancel();
}
