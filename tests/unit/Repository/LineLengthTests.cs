using System.Globalization;
using ProjectionReplay.Cmdlets;

namespace ProjectionReplay.Repository;

/// <summary>Lines of code fit into the width that <c>.editorconfig</c> gives, which no formatter looks at.</summary>
public sealed class LineLengthTests
{
    /// <summary>Folders of what is made or fetched. Those whose names start with a dot are left out as well.</summary>
    private static readonly string[] Made = ["bin", "obj", "out", "node_modules", "en-US"];

    private static readonly string[] CodeEndings = [".cs", ".ps1", ".psd1"];

    [Fact]
    public void No_line_of_code_is_longer_than_editorconfig_says()
    {
        const string Setting = "max_line_length = ";
        var settings = File.ReadLines(Path.Combine(RepositoryLayout.Root, ".editorconfig"));
        var text = Assert.Single(settings, line => line.StartsWith(Setting, StringComparison.Ordinal))[Setting.Length..];
        var most = int.Parse(text, CultureInfo.InvariantCulture);

        var files = CodeIn(RepositoryLayout.Root).ToArray();

        // Where nothing is found, nothing is held to it.
        Assert.Contains(RepositoryLayout.Manifest, files);
        Assert.Empty(files.SelectMany(file => TooLong(file, most)));
    }

    private static IEnumerable<string> CodeIn(string folder) =>
        Directory.EnumerateFiles(folder)
            .Where(file => CodeEndings.Contains(Path.GetExtension(file)))
            .Concat(Directory.EnumerateDirectories(folder).Where(IsOurs).SelectMany(CodeIn));

    private static bool IsOurs(string folder) =>
        Path.GetFileName(folder) is var name && !name.StartsWith('.') && !Made.Contains(name);

    private static IEnumerable<string> TooLong(string file, int most) =>
        File.ReadLines(file).Index()
            .Where(line => line.Item.Length > most && !IsDescription(file, line.Item))
            .Select(line => $"{Path.GetRelativePath(RepositoryLayout.Root, file)}:{line.Index + 1} has {line.Item.Length} columns");

    /// <summary>Whether it is a manifest's description, which has to be one literal: a data file cannot put texts together.</summary>
    private static bool IsDescription(string file, string line) =>
        Path.GetExtension(file) == ".psd1" && line.TrimStart().StartsWith("Description ", StringComparison.Ordinal);
}
