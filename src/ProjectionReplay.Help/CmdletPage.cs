namespace ProjectionReplay.Help;

/// <summary>The page of a cmdlet: <c>docs/cmdlets/Verb-Noun.md</c>.</summary>
internal sealed record CmdletPage
{
    private const string Synopses = "SYNOPSIS", Descriptions = "DESCRIPTION", ExampleList = "EXAMPLES", ParameterList = "PARAMETERS";
    private const string InputList = "INPUTS", OutputList = "OUTPUTS", NoteList = "NOTES", LinkList = "RELATED LINKS";

    private static readonly string[] Headings =
        [Synopses, Descriptions, ExampleList, ParameterList, InputList, OutputList, NoteList, LinkList];

    /// <summary>The page's path.</summary>
    public required string File { get; init; }

    /// <summary>The cmdlet.</summary>
    public required string Name { get; init; }

    /// <summary>What it does, in one sentence.</summary>
    public required string Synopsis { get; init; }

    /// <summary>What it does, at length.</summary>
    public required IReadOnlyList<HelpBlock> Description { get; init; }

    /// <summary>How it is used.</summary>
    public required IReadOnlyList<HelpExample> Examples { get; init; }

    /// <summary>What each parameter means, by its name without the dash.</summary>
    public required IReadOnlyDictionary<string, PageSection> Parameters { get; init; }

    /// <summary>What it takes from the pipeline, by type.</summary>
    public required IReadOnlyList<PageSection> Inputs { get; init; }

    /// <summary>What it puts into the pipeline, by type.</summary>
    public required IReadOnlyList<PageSection> Outputs { get; init; }

    /// <summary>What one has to know besides.</summary>
    public required IReadOnlyList<HelpBlock> Notes { get; init; }

    /// <summary>Where to read on.</summary>
    public required IReadOnlyList<string> Links { get; init; }

    /// <summary>Reads a page.</summary>
    /// <exception cref="PageException">It does not have the form of a cmdlet's page.</exception>
    public static CmdletPage From(MarkdownPage page)
    {
        var top = page.Sections.Where(section => section.Level == 2).ToArray();
        CheckHeadings(page, top);
        return new CmdletPage
        {
            File = page.File,
            Name = page.Title,
            Synopsis = Find(Synopses).Blocks is [HelpParagraph synopsis]
                ? synopsis.Text
                : throw Fault(Find(Synopses), "must be one paragraph"),
            Description = Find(Descriptions).Blocks is [_, ..] text ? text : throw Fault(Find(Descriptions), "is empty"),
            Examples = [.. Below(ExampleList).Select(Example)],
            Parameters = ByName(Below(ParameterList)),
            Inputs = Below(InputList),
            Outputs = Below(OutputList),
            Notes = Text(NoteList),
            Links =
            [
                .. Text(LinkList)
                    .SelectMany(block => block is HelpList list ? list.Items : throw Fault(Find(LinkList), "must be a list"))
                    .Select(item => item[2..]),
            ],
        };

        PageSection Find(string heading) =>
            top.FirstOrDefault(section => section.Title == heading)
            ?? throw new PageException(page.File, 1, $"The section '{heading}' is missing.");

        IReadOnlyList<HelpBlock> Text(string heading) => top.FirstOrDefault(section => section.Title == heading)?.Blocks ?? [];

        PageSection[] Below(string heading)
        {
            var at = page.Sections.ToList().FindIndex(section => section.Level == 2 && section.Title == heading);
            if (at < 0) return [];
            if (page.Sections[at].Blocks.Count > 0) throw Fault(page.Sections[at], "must begin with a heading of the third level");
            return [.. page.Sections.Skip(at + 1).TakeWhile(section => section.Level == 3)];
        }

        HelpExample Example(PageSection section) => section.Blocks is [HelpCode { Language: "powershell" } code, .. var remarks]
            ? new HelpExample(section.Title, code, remarks)
            : throw Fault(section, "must begin with a block of ```powershell");

        Dictionary<string, PageSection> ByName(PageSection[] sections)
        {
            var parameters = new Dictionary<string, PageSection>(StringComparer.Ordinal);
            foreach (var section in sections)
            {
                if (!section.Title.StartsWith('-')) throw Fault(section, "must be the name of a parameter, with its dash");
                if (section.Blocks.Count == 0) throw Fault(section, "has no text");
                if (!parameters.TryAdd(section.Title[1..], section)) throw Fault(section, "is there twice");
            }

            return parameters;
        }

        PageException Fault(PageSection section, string problem) => new(page.File, section.Line, $"'{section.Title}' {problem}.");
    }

    private static void CheckHeadings(MarkdownPage page, PageSection[] top)
    {
        var last = -1;
        foreach (var section in top)
        {
            var at = Array.IndexOf(Headings, section.Title);
            if (at <= last)
            {
                throw new PageException(
                    page.File,
                    section.Line,
                    $"The section '{section.Title}' is unknown or out of place. "
                        + $"The sections are {string.Join(", ", Headings)}, in this order.");
            }

            last = at;
        }

        // What help would leave out.
        string[] divided = [ExampleList, ParameterList, InputList, OutputList];
        var current = "";
        foreach (var section in page.Sections)
        {
            if (section.Level == 2) current = section.Title;
            else if (!divided.Contains(current))
            {
                throw new PageException(page.File, section.Line, $"'{current}' has no headings of its own.");
            }
        }
    }
}

/// <summary>One use of a cmdlet.</summary>
/// <param name="Title">What is done.</param>
/// <param name="Code">The commands.</param>
/// <param name="Remarks">What they do.</param>
internal sealed record HelpExample(string Title, HelpCode Code, IReadOnlyList<HelpBlock> Remarks);
