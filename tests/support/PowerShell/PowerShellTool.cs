using System.Reflection;

namespace ProjectionReplay.Cmdlets;

/// <summary>The PowerShell that the build fetches as a package, so that every machine tests in the same one.</summary>
internal static class PowerShellTool
{
    /// <summary>The program, which <c>dotnet</c> runs.</summary>
    public static string Program { get; } = Path.Combine(
        Metadata("NuGetPackageRoot"),
        "powershell",
        Metadata("PowerShellToolVersion"),
        "tools",
        "net10.0",
        "any",
        OperatingSystem.IsWindows() ? "win" : "unix",
        "pwsh.dll");

    /// <summary>Makes <c>pwsh</c> a command, as where PowerShell is installed. Returns it, and the PATH that finds it.</summary>
    /// <param name="folder">Where a folder for the command is made.</param>
    public static (string Command, string Path) PutOnPath(DirectoryInfo folder)
    {
        Assert.True(File.Exists(Program), $"The build should have fetched PowerShell to {Program}.");
        var commands = folder.CreateSubdirectory("commands");
        var command = Path.Combine(commands.FullName, "pwsh");
        File.WriteAllText(command, $"#!/bin/sh\nexec dotnet '{Program}' \"$@\"\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(command, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        return (command, commands.FullName + Path.PathSeparator + Environment.GetEnvironmentVariable("PATH"));
    }

    private static string Metadata(string key) =>
        typeof(PowerShellTool).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(metadata => metadata.Key == key).Value!;
}
