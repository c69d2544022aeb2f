using Markdig;
using Markdig.Extensions.Tables;
using Markdig.Syntax;

namespace ProjectionReplay.Help;

/// <summary>
/// A page of the documentation, cut at its headings, as text without markup. Takes only what help can show: paragraphs,
/// flat lists, fenced code and tables of two columns. Anything else is an error, so that nothing gets lost on the way.
/// </summary>
/// <param name="File">The page's path.</param>
/// <param name="Title">The heading of the first level.</param>
/// <param name="Sections">What stands below the other headings, in the page's order.</param>
internal sealed record MarkdownPage(string File, string Title, IReadOnlyList<PageSection> Sections)
{
    private static readonly MarkdownPipeline Pipeline = new MarkdownPipelineBuilder().UsePipeTables().Build();

    /// <summary>Reads a page.</summary>
    /// <exception cref="PageException">It holds something that help cannot show.</exception>
    public static MarkdownPage Read(string file) => Parse(file, System.IO.File.ReadAllText(file));

    /// <summary>Reads a page's text.</summary>
    /// <exception cref="PageException">It holds something that help cannot show.</exception>
    public static MarkdownPage Parse(string file, string text)
    {
        string? title = null;
        var sections = new List<PageSection>();
        foreach (var block in Markdown.Parse(text, Pipeline))
        {
            if (block is HeadingBlock heading)
            {
                var name = MarkdownText.Of(file, heading);
                if (heading.Level == 1 && title is null) title = name;
                else if (heading.Level is 2 or 3 && title is not null)
                {
                    sections.Add(new PageSection(heading.Level, name, LineOf(heading), []));
                }
                else
                {
                    throw new PageException(
                        file,
                        LineOf(heading),
                        $"The heading '{name}' is out of place: a page has one of the first level, at its start, "
                            + "and others of the second and third.");
                }
            }
            else if (sections.Count == 0)
            {
                throw new PageException(file, LineOf(block), "There is text in front of the first section.");
            }
            else
            {
                sections[^1].Blocks.Add(Convert(file, block));
            }
        }

        return new MarkdownPage(file, title ?? throw new PageException(file, 1, "The page has no title."), sections);
    }

    private static HelpBlock Convert(string file, Block block) => block switch
    {
        ParagraphBlock paragraph => new HelpParagraph(LineOf(block), MarkdownText.Of(file, paragraph)),
        ListBlock list => new HelpList(LineOf(block), [.. list.Select((item, index) => Item(file, list, (ListItemBlock)item, index))]),
        FencedCodeBlock code => new HelpCode(LineOf(block), code.Info ?? "", code.Lines.ToString().TrimEnd()),
        Table table => new HelpTable(LineOf(block), [.. table.Cast<TableRow>().Where(row => !row.IsHeader).Select(row => Row(file, row))]),
        _ =>
            throw new PageException(
                file,
                LineOf(block),
                $"Help cannot show a {block.GetType().Name}. Use paragraphs, flat lists, fenced code and tables of two columns."),
    };

    private static string Item(string file, ListBlock list, ListItemBlock item, int index)
    {
        if (item is not [ParagraphBlock paragraph])
        {
            throw new PageException(file, LineOf(item), "An item of a list must be one paragraph.");
        }

        return (list.IsOrdered ? $"{index + 1}. " : "- ") + MarkdownText.Of(file, paragraph);
    }

    private static (string Term, string Text) Row(string file, TableRow row)
    {
        if (row.Count != 2) throw new PageException(file, LineOf(row), "Help shows tables of two columns only.");
        return (Cell(0), Cell(1));

        string Cell(int column) => ((TableCell)row[column]) switch
        {
            [ParagraphBlock paragraph] => MarkdownText.Of(file, paragraph),
            _ => throw new PageException(file, LineOf(row), "A cell of a table must be one paragraph."),
        };
    }

    private static int LineOf(Block block) => block.Line + 1;
}

/// <summary>What stands below a heading, up to the next one.</summary>
/// <param name="Level">The heading's level: 2 or 3.</param>
/// <param name="Title">The heading.</param>
/// <param name="Line">Its line.</param>
/// <param name="Blocks">What stands below it.</param>
internal sealed record PageSection(int Level, string Title, int Line, List<HelpBlock> Blocks);

/// <summary>A piece of help, as text without markup.</summary>
/// <param name="Line">The page's line that it starts on.</param>
internal abstract record HelpBlock(int Line);

/// <summary>A paragraph, without line breaks.</summary>
internal sealed record HelpParagraph(int Line, string Text) : HelpBlock(Line);

/// <summary>A list; its items have their dash or number.</summary>
internal sealed record HelpList(int Line, IReadOnlyList<string> Items) : HelpBlock(Line);

/// <summary>Code, with its line breaks.</summary>
internal sealed record HelpCode(int Line, string Language, string Text) : HelpBlock(Line);

/// <summary>Terms and what they mean.</summary>
internal sealed record HelpTable(int Line, IReadOnlyList<(string Term, string Text)> Rows) : HelpBlock(Line);
