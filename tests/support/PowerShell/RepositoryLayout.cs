namespace ProjectionReplay.Cmdlets;

/// <summary>Where the build puts what tests use.</summary>
internal static class RepositoryLayout
{
    /// <summary>The folder that everything is in.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The module's manifest.</summary>
    public static string Manifest { get; } = Path.Combine(Root, "ProjectionReplay.psd1");

    /// <summary>The program of <c>tests/shell</c>, built in the configuration that these tests were built in.</summary>
    public static string TestShell => Program("tests/shell", "ProjectionReplay.TestShell.dll");

    /// <summary>The program of <c>tests/replayer</c>, built likewise.</summary>
    public static string TestReplayer => Program("tests/replayer", "ProjectionReplay.TestReplayer.dll");

    /// <summary>The program of <c>samples/LiveWorker</c>, built likewise.</summary>
    public static string LiveWorker => Program("samples/LiveWorker", "LiveWorker.dll");

    private static string Program(string folder, string file)
    {
        var output = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        return Path.Combine(Root, folder, "bin", output.Parent!.Name, output.Name, file);
    }

    private static string FindRoot()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "ProjectionReplay.slnx"))) return directory.FullName;
        }

        throw new InvalidOperationException("The tests must run from within the repository.");
    }
}
