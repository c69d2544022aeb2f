namespace ProjectionReplay.Sandbox;

/// <summary>The <c>dotnet</c> that runs a dll, for children that are programs of .NET.</summary>
internal static class DotNetHost
{
    /// <summary>The one that runs this process; an apphost, a test host or a PowerShell has another name, so PATH decides then.</summary>
    public static string Path { get; } = Find();

    private static string Find()
    {
        if (Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } host)
            return host;
        return Environment.ProcessPath is { } path
            && string.Equals(System.IO.Path.GetFileNameWithoutExtension(path), "dotnet", StringComparison.OrdinalIgnoreCase)
            ? path
            : "dotnet";
    }
}
