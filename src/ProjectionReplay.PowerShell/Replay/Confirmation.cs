using System.Globalization;
using System.Management.Automation;
using ProjectionReplay.Faults;

namespace ProjectionReplay.PowerShell;

/// <summary>Tells beforehand whether <c>ShouldProcess</c> is going to ask, as it fails in strange ways where nobody is there.</summary>
internal static class Confirmation
{
    /// <summary>Makes sure that a question, if one is going to be asked, reaches a person.</summary>
    /// <param name="cmdlet">The cmdlet that is about to ask.</param>
    /// <param name="impact">Its impact.</param>
    /// <param name="target">What it is about to work on.</param>
    /// <exception cref="ReplayException">There is nobody to ask.</exception>
    public static void RequirePerson(PSCmdlet cmdlet, ConfirmImpact impact, string target)
    {
        if (DryRun.IsAskedFor(cmdlet) || !IsGoingToAsk(cmdlet, impact)) return;
        if (Interactivity.CanAsk(cmdlet.Host, Environment.GetCommandLineArgs(), Console.IsInputRedirected)) return;
        throw new ReplayException(ReplayError.OptionInvalid, Strings.Unconfirmed.With(target));
    }

    private static bool IsGoingToAsk(PSCmdlet cmdlet, ConfirmImpact impact)
    {
        if (cmdlet.MyInvocation.BoundParameters.TryGetValue("Confirm", out var given)) return LanguagePrimitives.IsTrue(given);
        return LanguagePrimitives.TryConvertTo(
            cmdlet.GetVariableValue("ConfirmPreference"), CultureInfo.InvariantCulture, out ConfirmImpact preference)
            && preference != ConfirmImpact.None
            && preference <= impact;
    }
}
