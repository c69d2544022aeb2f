using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Host;
using ProjectionReplay.Faults;
using ProjectionReplay.Runs;

namespace ProjectionReplay.PowerShell;

/// <summary>Asks before counters are deleted, as a cmdlet of high impact does.</summary>
internal static class RebuildQuestion
{
    /// <summary>Asks, unless <c>-Confirm</c> or <c>$ConfirmPreference</c> has answered already.</summary>
    /// <exception cref="ReplayException">There is nobody to ask.</exception>
    public static bool Ask(PSCmdlet cmdlet, string target, RebuildOutlook? outlook)
    {
        // With -Confirm the question has been asked by now, and with -Confirm:$false there is to be none.
        if (cmdlet.MyInvocation.BoundParameters.ContainsKey("Confirm")) return true;
        if (cmdlet.GetVariableValue("ConfirmPreference") is ConfirmImpact.None or "None") return true;
        if (Interactivity.CanAsk(cmdlet.Host, Environment.GetCommandLineArgs(), Console.IsInputRedirected))
        {
            var loss = outlook is { IsLossy: true } ? Strings.RebuildLoses : "";
            var choices = new Collection<ChoiceDescription>
            {
                new(Strings.ChoiceRebuild, Strings.ChoiceRebuildHelp),
                new(Strings.ChoiceKeep, Strings.ChoiceKeepHelp),
            };

            try
            {
                // Who only presses Enter keeps what there is.
                return cmdlet.Host.UI.PromptForChoice(
                    Strings.RebuildCaption, Strings.RebuildQuestion.With(target, outlook, loss), choices, defaultChoice: 1) == 0;
            }
            catch (Exception exception) when (exception is HostException or PSInvalidOperationException or NotImplementedException)
            {
                // A host that says so only when it is asked.
                throw new ReplayException(ReplayError.OptionInvalid, Strings.RebuildUnconfirmed.With(target), exception);
            }
        }

        throw new ReplayException(ReplayError.OptionInvalid, Strings.RebuildUnconfirmed.With(target));
    }
}
