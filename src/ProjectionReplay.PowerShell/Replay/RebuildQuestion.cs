using System.Management.Automation;
using ProjectionReplay.Replay;

namespace ProjectionReplay.PowerShell;

/// <summary>Asks before counters are deleted, as a cmdlet of high impact does.</summary>
internal static class RebuildQuestion
{
    /// <summary>Asks, unless <c>-Confirm</c> or <c>$ConfirmPreference</c> has answered already.</summary>
    /// <exception cref="ReplayException">There is nobody to ask.</exception>
    public static bool Ask(PSCmdlet cmdlet, string target)
    {
        // With -Confirm the question has been asked by now, and with -Confirm:$false there is to be none.
        if (cmdlet.MyInvocation.BoundParameters.ContainsKey("Confirm")) return true;
        if (cmdlet.GetVariableValue("ConfirmPreference") is ConfirmImpact.None or "None") return true;
        if (Interactivity.CanAsk(cmdlet.Host, Environment.GetCommandLineArgs(), Console.IsInputRedirected))
        {
            return cmdlet.ShouldContinue(Strings.RebuildQuestion.With(target), Strings.RebuildCaption);
        }

        throw new ReplayException(ReplayError.OptionInvalid, Strings.RebuildUnconfirmed.With(target));
    }
}
