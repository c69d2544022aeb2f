namespace ProjectionReplay.Help;

/// <summary>Turns the documentation into the files that <c>Get-Help</c> reads.</summary>
/// <param name="assembly">The module's assembly, where it is laid out.</param>
/// <param name="documentation">The folder with <c>cmdlets/Verb-Noun.md</c> and <c>about_*.md</c>.</param>
internal sealed class HelpFiles(string assembly, string documentation)
{
    /// <summary>The module's cmdlets.</summary>
    public IReadOnlyList<CmdletShape> Cmdlets { get; } = CmdletAssembly.Read(assembly);

    /// <summary>Writes the files into a folder, in place of those that are there.</summary>
    /// <returns>What is wrong with the pages; nothing is written when there is anything.</returns>
    public IReadOnlyList<PageException> Write(string folder)
    {
        var faults = new List<PageException>();
        var topics = Read("about_*.md", "", AboutTopic.Write, faults);
        var pages = ReadPages(faults);
        if (faults.Count > 0) return faults;

        // Topics that are gone.
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        Directory.CreateDirectory(folder);
        foreach (var (file, text) in topics)
        {
            File.WriteAllText(Path.Combine(folder, Path.GetFileNameWithoutExtension(file) + ".help.txt"), text);
        }

        // Last, because the build goes by this file.
        MamlWriter.Write(
            Path.Combine(folder, Path.GetFileName(assembly) + "-Help.xml"),
            Cmdlets.Join(pages, cmdlet => cmdlet.Name, page => page.Name, (cmdlet, page) => (cmdlet, page), StringComparer.Ordinal));
        return [];
    }

    /// <summary>Reads the cmdlets' pages, and checks them against the cmdlets.</summary>
    public IReadOnlyList<CmdletPage> ReadPages(List<PageException> faults) =>
        [.. Read("*.md", "cmdlets", page => Check(CmdletPage.From(page)), faults).Select(item => item.Result)];

    private CmdletPage Check(CmdletPage page)
    {
        if (page.Name != Path.GetFileNameWithoutExtension(page.File))
        {
            throw new PageException(page.File, 1, "The title must be the file's name.");
        }

        var cmdlet = Cmdlets.FirstOrDefault(known => known.Name == page.Name)
            ?? throw new PageException(page.File, 1, $"There is no cmdlet {page.Name}.");
        foreach (var (name, section) in page.Parameters)
        {
            if (cmdlet.Parameters.All(parameter => parameter.Name != name))
            {
                throw new PageException(page.File, section.Line, $"{page.Name} has no parameter -{name}.");
            }
        }

        ExampleCheck.Check(page, Cmdlets);
        return page;
    }

    private List<(string File, T Result)> Read<T>(string pattern, string folder, Func<MarkdownPage, T> convert, List<PageException> faults)
    {
        var results = new List<(string, T)>();
        var directory = Path.Combine(documentation, folder);
        var files = Directory.Exists(directory) ? Directory.GetFiles(directory, pattern) : [];
        foreach (var file in files.Order(StringComparer.Ordinal))
        {
            try
            {
                results.Add((file, convert(MarkdownPage.Read(file))));
            }
            catch (PageException fault)
            {
                faults.Add(fault);
            }
        }

        return results;
    }
}
