using System.Reflection;

namespace ProjectionReplay.Cmdlets;

/// <summary>When there is a person to ask.</summary>
public sealed class InteractivityTests
{
    [Theory]
    [InlineData("ConsoleHost", "pwsh", false, true)]
    [InlineData("ConsoleHost", "pwsh -NoProfile -File run.ps1", false, true)]
    [InlineData("ConsoleHost", "pwsh -NonInteractive", false, false)]
    [InlineData("ConsoleHost", "pwsh -noni -c Get-Date", false, false)]
    [InlineData("ConsoleHost", "pwsh /NonInt", false, false)]
    [InlineData("ConsoleHost", "pwsh", true, false)]
    [InlineData("Default Host", "program", false, false)]
    [InlineData("ServerRemoteHost", "pwsh -s", true, true)]
    [InlineData("Visual Studio Code Host", "pwsh -NoExit", true, true)]
    public void Person_is_there_or_is_not(string host, string commandLine, bool isInputRedirected, bool expected)
    {
        // The module is loaded as people load it, not referenced, so its inside is found by name.
        using var session = new PowerShellSession();
        var module = AppDomain.CurrentDomain.GetAssemblies().Last(assembly => assembly.GetName().Name == "ProjectionReplay.PowerShell");
        var canAsk = module
            .GetType("ProjectionReplay.PowerShell.Interactivity", throwOnError: true)!
            .GetMethod("CanAsk", BindingFlags.Public | BindingFlags.Static)!;

        Assert.Equal(expected, canAsk.Invoke(null, [new RecordingHost(0, host), commandLine.Split(' '), isInputRedirected]));
    }
}
