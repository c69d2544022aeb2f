using System.Xml.Linq;
using ProjectionReplay.Cmdlets;

namespace ProjectionReplay.Help;

/// <summary>The pages of the repository, and what becomes of them.</summary>
public sealed class HelpPagesTests : IDisposable
{
    private static readonly string Module = Path.Combine(RepositoryLayout.Root, "bin", "ProjectionReplay.PowerShell.dll");

    private readonly HelpFiles _files = new(Module, Path.Combine(RepositoryLayout.Root, "docs"));
    private readonly DirectoryInfo _output = Directory.CreateTempSubdirectory("projection-replay-");

    [Fact]
    public void Every_cmdlet_and_every_parameter_has_help_and_nothing_else_has()
    {
        var faults = new List<PageException>();
        var pages = _files.ReadPages(faults);

        Assert.Empty(faults);
        Assert.Empty(HelpCoverage.FindGaps(_files.Cmdlets, pages));
    }

    [Fact]
    public void A_cmdlet_without_a_page_a_parameter_without_text_and_a_page_with_few_examples_are_told()
    {
        var page = PageParsingTests.Parse(PageParsingTests.Page);

        var gaps = HelpCoverage.FindGaps(_files.Cmdlets, [page]).ToArray();

        Assert.Contains("Export-Json has no page: write docs/cmdlets/Export-Json.md.", gaps);
        Assert.Contains(gaps, gap => gap.EndsWith("says nothing of -Path.", StringComparison.Ordinal));
        Assert.Contains(gaps, gap => gap.Contains("has 1 examples", StringComparison.Ordinal));
        Assert.DoesNotContain(gaps, gap => gap.Contains("-Name", StringComparison.Ordinal));
    }

    [Fact]
    public void What_the_class_says_of_a_parameter_is_in_the_help()
    {
        var replay = _files.Cmdlets.Single(cmdlet => cmdlet.Name == "Invoke-ProjectionReplay");

        Assert.Equal(["Replay", "Resume", "Restart", "Rebuild"], replay.ParameterSets);
        Assert.Equal(
            ("String[]", "Name", true),
            (Of("Projection").TypeName, Assert.Single(Of("Projection").Aliases), Of("Projection").UseIn("Resume")!.Mandatory));
        Assert.Equal(
            ("5000", "00:01:00", "False"), (Of("BatchSize").DefaultValue, Of("DrainTimeout").DefaultValue, Of("Resume").DefaultValue));

        // Not 0, which may not be given: not given at all.
        Assert.Null(Of("AggregateBatchSize").DefaultValue);
        Assert.Null(Of("Rebuild").UseIn("Resume"));
        Assert.True(Of("Path").AcceptsWildcards);
        Assert.Equal("*", _files.Cmdlets.Single(cmdlet => cmdlet.Name == "Get-ReplayProjection").Parameters[0].DefaultValue);

        ParameterShape Of(string name) => replay.Parameters.Single(parameter => parameter.Name == name);
    }

    [Fact]
    public void Files_are_the_same_to_the_byte_each_time_and_those_of_pages_that_are_gone_go_too()
    {
        Assert.Empty(_files.Write(_output.FullName));
        var first = Contents();
        File.WriteAllText(Path.Combine(_output.FullName, "about_Nothing.help.txt"), "");

        Assert.Empty(_files.Write(_output.FullName));

        Assert.Equal(first, Contents());
        Assert.Contains("about_ProjectionReplay.help.txt", first.Keys);

        Dictionary<string, string> Contents() =>
            _output.GetFiles().ToDictionary(file => file.Name, file => File.ReadAllText(file.FullName));
    }

    [Fact]
    public void No_markup_is_left_and_lines_of_topics_fit()
    {
        Assert.Empty(_files.Write(_output.FullName));

        var texts = XDocument.Load(Assert.Single(_output.GetFiles("*.xml")).FullName)
            .Descendants()
            .Where(element => element.Name.LocalName is "para" or "title")
            .Select(element => element.Value)
            .Concat(_output.GetFiles("*.txt").SelectMany(file => File.ReadLines(file.FullName)));
        Assert.All(texts, text => Assert.DoesNotMatch(@"`|\*\*|\]\(|^#|^\||<br", text));
        foreach (var topic in _output.GetFiles("*.txt"))
        {
            // Code is not broken, and has an indent of its own.
            Assert.All(
                File.ReadLines(topic.FullName).Where(line => !line.StartsWith("        ", StringComparison.Ordinal)),
                line => Assert.InRange(line.Length, 0, 79));
        }
    }

    public void Dispose() => _output.Delete(recursive: true);
}
