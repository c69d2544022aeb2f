using System.Management.Automation;
using ProjectionReplay.Faults;
using ProjectionReplay.Reporting;

namespace ProjectionReplay.PowerShell;

/// <summary>
/// Runs the engine on the thread pool while the pipeline's own thread, the only one that may, writes what the engine
/// has to say. However it ends, the engine has ended too.
/// </summary>
internal sealed class EnginePump(Cmdlet cmdlet, ReplayMessages messages, ProgressBars? progress, CancellationToken stopping)
{
    // Progress is looked at ten times a second; messages wake the pump up as they come.
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(100);

    private Task<bool>? _nextMessage;

    /// <summary>Runs one piece of the engine's work to its end.</summary>
    /// <exception cref="PipelineStoppedException">The pipeline was stopped, and the engine has abandoned its work.</exception>
    /// <exception cref="ReplayException">The work failed.</exception>
    public void Run(Func<CancellationToken, Task> work)
    {
        using var abandoned = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        var task = Task.Run(() => work(abandoned.Token), CancellationToken.None);
        try
        {
            while (!task.IsCompleted)
            {
                WaitFor(task);
                WriteMessages();
                progress?.Show(messages.Progress);
            }

            WriteMessages();
        }
        finally
        {
            // Writing throws when the pipeline is stopped, by Ctrl+C or by a `Select-Object -First` further down.
            if (!task.IsCompleted)
            {
                abandoned.Cancel();
                Discard(task);
            }
        }

        Observe(task, stopping);
    }

    private static void Observe(Task task, CancellationToken stopping)
    {
        try
        {
            task.GetAwaiter().GetResult();
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            throw new PipelineStoppedException();
        }
        catch (Exception exception) when (exception is not ReplayException)
        {
            throw ReplayErrors.Unforeseen(exception);
        }
    }

    private void WaitFor(Task task)
    {
        _nextMessage ??= messages.Reader.WaitToReadAsync(CancellationToken.None).AsTask();

        // A completed channel has nothing to wait for any more.
        if (_nextMessage is { IsCompletedSuccessfully: true, Result: false }) Task.WaitAny([task], Tick);
        else if (Task.WaitAny([task, _nextMessage], Tick) == 1 && _nextMessage.Result) _nextMessage = null;
    }

    private void WriteMessages()
    {
        while (messages.Reader.TryRead(out var message))
        {
            switch (message)
            {
                case ReplayLogMessage log:
                    cmdlet.WriteObject(log.Entry);
                    break;
                case ReplayFindingMessage found:
                    cmdlet.WriteObject(found.Finding);
                    break;
                case ReplayWarningMessage warning:
                    cmdlet.WriteWarning(warning.Text);
                    break;
                case ReplayNoteMessage note:
                    // Shown by default, as are the lines of -WhatIf, and no object for the pipeline.
                    cmdlet.WriteInformation(new HostInformationMessage { Message = note.Text }, ["PSHOST"]);
                    break;
                case ReplayVerboseMessage verbose:
                    cmdlet.WriteVerbose(verbose.Text);
                    break;
                case ReplayDebugMessage debug:
                    cmdlet.WriteDebug(debug.Text);
                    break;
            }
        }
    }

    // The engine cleans up behind itself; its last words must not hold it up, and nobody hears them any more.
    private void Discard(Task task)
    {
        while (Task.WaitAny([task], Tick) < 0)
        {
            while (messages.Reader.TryRead(out _))
            {
            }
        }
    }
}
