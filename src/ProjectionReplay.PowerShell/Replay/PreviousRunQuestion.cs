using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Host;
using ProjectionReplay.Planning;

namespace ProjectionReplay.PowerShell;

/// <summary>Asks the operator what to do about an interrupted run.</summary>
internal static class PreviousRunQuestion
{
    /// <summary>Asks, unless there is nobody to ask: then the answer is <see cref="PreviousRunAnswer.Refuse"/>.</summary>
    public static PreviousRunAnswer Ask(PSHost host, ReplayPlan plan, string target)
    {
        if (!Interactivity.CanAsk(host, Environment.GetCommandLineArgs(), Console.IsInputRedirected)) return PreviousRunAnswer.Refuse;

        var choices = new Collection<ChoiceDescription>
        {
            new(Strings.ChoiceResume, Strings.ChoiceResumeHelp),
            new(Strings.ChoiceRestart, Strings.ChoiceRestartHelp),
            new(Strings.ChoiceCleanUp, Strings.ChoiceCleanUpHelp),
            new(Strings.ChoiceCancel, Strings.ChoiceCancelHelp),
        };
        var marked = plan.StaleMarkerCount > 0 ? Strings.PreviousRunMarked.With(plan.StaleMarkerCount) : Strings.PreviousRunUnmarked;
        var message = Strings.PreviousRunQuestion.With(target, plan.PreviousCompletedCount, marked);
        try
        {
            return host.UI.PromptForChoice(Strings.PreviousRunCaption, message, choices, defaultChoice: 0) switch
            {
                0 => PreviousRunAnswer.Resume,
                1 => PreviousRunAnswer.Restart,
                2 => PreviousRunAnswer.CleanUp,
                _ => PreviousRunAnswer.Cancel,
            };
        }
        catch (Exception exception) when (exception is HostException or PSInvalidOperationException or NotImplementedException)
        {
            // A host that says so only when it is asked.
            return PreviousRunAnswer.Refuse;
        }
    }
}

/// <summary>What to do about an interrupted run.</summary>
internal enum PreviousRunAnswer
{
    /// <summary>Stop with an error that names the parameters.</summary>
    Refuse,

    /// <summary>Go on where it left off.</summary>
    Resume,

    /// <summary>Start over.</summary>
    Restart,

    /// <summary>Remove what it left behind, and stop.</summary>
    CleanUp,

    /// <summary>Leave everything as it is, and stop.</summary>
    Cancel,
}
