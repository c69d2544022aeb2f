using System.Globalization;
using ProjectionReplay.Cmdlets;

namespace ProjectionReplay.Repository;

/// <summary>Lines of code fit into the width that <c>.editorconfig</c> gives, which no formatter looks at.</summary>
public sealed class LineLengthTests
{
    /// <summary>The folders whose code is held to it. Add a folder when its lines fit.</summary>
    private static readonly string[] Held =
    [
        "samples",
        "src/ProjectionReplay.Core",
        "src/ProjectionReplay.Help",
        "src/ProjectionReplay.PowerShell",
        "tests/unit",
    ];

    private static readonly string[] CodeEndings = [".cs", ".ps1", ".psd1"];

    [Fact]
    public void No_line_of_code_is_longer_than_editorconfig_says()
    {
        const string Setting = "max_line_length = ";
        var settings = File.ReadLines(Path.Combine(RepositoryLayout.Root, ".editorconfig"));
        var text = Assert.Single(settings, line => line.StartsWith(Setting, StringComparison.Ordinal))[Setting.Length..];
        var most = int.Parse(text, CultureInfo.InvariantCulture);

        var files = Held.SelectMany(CodeIn).ToArray();

        // A folder that moved would be held to nothing.
        Assert.All(Held, folder => Assert.Contains(files, file => file.StartsWith(folder + "/", StringComparison.Ordinal)));
        Assert.Empty(files.SelectMany(file => TooLong(file, most)));
    }

    private static IEnumerable<string> CodeIn(string folder) =>
        Directory.EnumerateFiles(Path.Combine(RepositoryLayout.Root, folder), "*", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(RepositoryLayout.Root, file).Replace('\\', '/'))
            .Where(file => CodeEndings.Contains(Path.GetExtension(file)) && !IsMade(file));

    /// <summary>Whether a build made the file.</summary>
    private static bool IsMade(string file) => file.Split('/') is var parts && (parts.Contains("bin") || parts.Contains("obj"));

    private static IEnumerable<string> TooLong(string file, int most) =>
        File.ReadLines(Path.Combine(RepositoryLayout.Root, file)).Index()
            .Where(line => line.Item.Length > most)
            .Select(line => $"{file}:{line.Index + 1} has {line.Item.Length} columns");
}
