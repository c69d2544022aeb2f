using System.Management.Automation.Host;

namespace ProjectionReplay.PowerShell;

/// <summary>Tells whether there is a person to ask.</summary>
internal static class Interactivity
{
    /// <summary>Whether a question would reach a person.</summary>
    /// <param name="host">The session's host.</param>
    /// <param name="commandLine">The process's arguments.</param>
    /// <param name="isInputRedirected">Whether the process reads from something other than a terminal.</param>
    public static bool CanAsk(PSHost host, IEnumerable<string> commandLine, bool isInputRedirected)
    {
        if (host.UI is null || commandLine.Any(IsNonInteractiveSwitch)) return false;
        return host.Name switch
        {
            // The host of PowerShell embedded in a program, where there is no user interface at all.
            "Default Host" => false,
            // A script that cron, a container or a build server runs has a console host too, but nobody at it.
            "ConsoleHost" => !isInputRedirected,
            _ => true,
        };
    }

    // PowerShell takes the switch in any unambiguous length.
    private static bool IsNonInteractiveSwitch(string argument) =>
        argument.Length >= 5
        && argument[0] is '-' or '/'
        && "noninteractive".StartsWith(argument.TrimStart('-', '/'), StringComparison.OrdinalIgnoreCase);
}
