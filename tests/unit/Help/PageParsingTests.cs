using System.Management.Automation;

namespace ProjectionReplay.Help;

/// <summary>What a page may hold, and what is said of one that holds anything else.</summary>
public sealed class PageParsingTests
{
    internal const string Page = """
        # Get-ReplayProjection

        ## SYNOPSIS

        Lists projections.

        ## DESCRIPTION

        Lists **all** of them, as `code`, from
        [a page](safety.md) and [another](https://example.com/x).

        - one
        - two

        ## EXAMPLES

        ### Example 1: List

        ```powershell
        Get-ReplayProjection -Name tenant* | ForEach-Object { Get-ReplayProjection -Projection $_.Name -Verbose }
        ```

        Lists them.

        ## PARAMETERS

        ### -Name

        The names.

        ## OUTPUTS

        ### System.String

        A name.

        ## RELATED LINKS

        - Export-Json
        """;

    private static readonly CmdletShape Cmdlet = new(
        "Get",
        "ReplayProjection",
        [new() { Name = "Name", TypeName = "String[]", Aliases = ["Projection"], Uses = new Dictionary<string, ParameterAttribute>() }],
        []);

    [Fact]
    public void A_page_is_cut_into_texts_without_markup()
    {
        var page = Parse(Page);

        Assert.Equal(("Get-ReplayProjection", "Lists projections."), (page.Name, page.Synopsis));
        Assert.Equal(
            "Lists all of them, as code, from a page and another (https://example.com/x).",
            Assert.IsType<HelpParagraph>(page.Description[0]).Text);
        Assert.Equal(["- one", "- two"], Assert.IsType<HelpList>(page.Description[1]).Items);
        Assert.StartsWith("Get-ReplayProjection -Name tenant* |", Assert.Single(page.Examples).Code.Text, StringComparison.Ordinal);
        Assert.Equal("Name", Assert.Single(page.Parameters).Key);
        Assert.Equal("Export-Json", Assert.Single(page.Links));
        ExampleCheck.Check(page, [Cmdlet]);
    }

    [Theory]
    [InlineData("## SYNOPSIS", "## SUMMARY", 3, "'SUMMARY' is unknown or out of place")]
    [InlineData("## DESCRIPTION", "## NOTES", 15, "'EXAMPLES' is unknown or out of place")]
    [InlineData("## DESCRIPTION\n", "", 3, "'SYNOPSIS' must be one paragraph")]
    [InlineData("Lists projections.", "Lists <b>projections</b>.", 5, "HtmlInline")]
    [InlineData("Lists projections.", "Lists &amp; more.", 5, "HtmlEntityInline")]
    [InlineData("Lists projections.", "![logo](logo.png)", 5, "LinkInline")]
    [InlineData("Lists projections.", "> quoted", 5, "QuoteBlock")]
    [InlineData("- one", "- one\n  - deeper", 12, "one paragraph")]
    [InlineData("```powershell", "```text", 17, "must begin with a block of ```powershell")]
    [InlineData("### -Name", "### Name", 27, "must be the name of a parameter")]
    [InlineData("The names.", "", 27, "has no text")]
    [InlineData("- Export-Json", "Export-Json", 37, "must be a list")]
    public void Anything_else_is_an_error_that_names_the_line(string part, string replacement, int line, string problem)
    {
        var fault = Assert.Throws<PageException>(() => Parse(Page.Replace(part, replacement, StringComparison.Ordinal)));

        Assert.StartsWith($"page.md({line}): error HELP: ", fault.ToString(), StringComparison.Ordinal);
        Assert.Contains(problem, fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-Name tenant*", "-Nmae tenant*", "has no parameter -Nmae")]
    [InlineData("-Verbose }", "-Path x }", "has no parameter -Path")]
    [InlineData("-Verbose }", "-Verbose", "Missing closing '}'")]
    [InlineData("Get-ReplayProjection -", "Get-Item -", "does not use Get-ReplayProjection")]
    public void An_example_that_would_not_run_is_an_error_that_names_the_line(string part, string replacement, string problem)
    {
        var page = Parse(Page.Replace(part, replacement, StringComparison.Ordinal));

        var fault = Assert.Throws<PageException>(() => ExampleCheck.Check(page, [Cmdlet]));

        Assert.Equal(20, fault.Line);
        Assert.Contains(problem, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_topic_becomes_wrapped_text_with_its_summary_on_the_fifth_line()
    {
        var text = AboutTopic.Write(MarkdownPage.Parse("about_It.md", $"""
            # about_It

            ## SHORT DESCRIPTION

            What it is.

            ## LONG DESCRIPTION

            {string.Join(' ', Enumerable.Repeat("word", 20))}

            1. {string.Join(' ', Enumerable.Repeat("item", 20))}
            2. end

            | Term | Meaning |
            |---|---|
            | `it` | itself |

            ### More

            ```text
            as  it is
            ```
            """));

        Assert.Equal(
            $"""
            TOPIC
                about_It

            SHORT DESCRIPTION
                What it is.

            LONG DESCRIPTION
                {string.Join(' ', Enumerable.Repeat("word", 15))}
                {string.Join(' ', Enumerable.Repeat("word", 5))}

                1. {string.Join(' ', Enumerable.Repeat("item", 14))}
                   {string.Join(' ', Enumerable.Repeat("item", 6))}
                2. end

                it
                    itself

              More
                as  it is

            """,
            text);
    }

    [Theory]
    [InlineData("# about_That\n\n## SHORT DESCRIPTION\n\nIt.\n\n## LONG DESCRIPTION\n\nIt.", "title")]
    [InlineData("# about_It\n\n## LONG DESCRIPTION\n\nIt.", "begins with a SHORT DESCRIPTION")]
    [InlineData(
        "# about_It\n\n## SHORT DESCRIPTION\n\n0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789."
            + "\n\n## LONG DESCRIPTION\n\nIt.",
        "74 characters")]
    [InlineData(
        "# about_It\n\n## SHORT DESCRIPTION\n\nIt.\n\n## LONG DESCRIPTION\n\n```text\n"
            + "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789\n```",
        "line of code must have 75 characters")]
    public void A_topic_without_the_form_of_one_is_an_error(string text, string problem)
    {
        var fault = Assert.Throws<PageException>(() => AboutTopic.Write(MarkdownPage.Parse("about_It.md", text)));

        Assert.Contains(problem, fault.Message, StringComparison.Ordinal);
    }

    internal static CmdletPage Parse(string text) => CmdletPage.From(MarkdownPage.Parse("page.md", text));
}
