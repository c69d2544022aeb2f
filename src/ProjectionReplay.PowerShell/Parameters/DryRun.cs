using System.Management.Automation;

namespace ProjectionReplay.PowerShell;

/// <summary>Tells a dry run before <c>ShouldProcess</c> is asked, because its target is yet to be counted.</summary>
internal static class DryRun
{
    /// <summary>Whether -WhatIf was given, or <c>$WhatIfPreference</c> is set.</summary>
    public static bool IsAskedFor(PSCmdlet cmdlet) =>
        cmdlet.MyInvocation.BoundParameters.TryGetValue("WhatIf", out var given)
            ? LanguagePrimitives.IsTrue(given)
            : LanguagePrimitives.IsTrue(cmdlet.GetVariableValue("WhatIfPreference"));
}
