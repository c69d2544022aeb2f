using System.Text.RegularExpressions;
using ProjectionReplay.Cmdlets;
using YamlDotNet.RepresentationModel;

namespace ProjectionReplay.Repository;

/// <summary>
/// The workflows cannot run here. What can be seen here: that they are well-formed, and that each of their commands is one
/// that somebody runs, because <c>.ci/run</c>, <c>build.ps1</c> or a page for developers has it too.
/// </summary>
public sealed partial class WorkflowTests
{
    private static readonly string[] Sources = [".ci/run", "build.ps1", "README.md", "CONTRIBUTING.md"];

    /// <summary>How a command is started and what it leaves out, neither of which makes it another command.</summary>
    private static readonly HashSet<string> Manners =
        new(StringComparer.Ordinal) { "-NoProfile", "-NonInteractive", "-File", "--no-build", "--no-restore", "sudo", "-y", "-qq" };

    private static readonly string[] FieldTypes = ["markdown", "input", "textarea", "dropdown", "checkboxes"];

    public static TheoryData<string> Workflows =>
        [.. Directory.GetFiles(Path.Combine(RepositoryLayout.Root, ".github", "workflows")).Select(file => Path.GetFileName(file))];

    [Theory]
    [MemberData(nameof(Workflows))]
    public void Every_step_is_an_action_of_a_major_version_or_a_command_that_is_run_elsewhere(string workflow)
    {
        var known = Sources
            .SelectMany(source => CommandsOf(File.ReadAllText(Path.Combine(RepositoryLayout.Root, source))))
            .ToHashSet(StringComparer.Ordinal);
        var root = Read(Path.Combine("workflows", workflow));

        Assert.Equal("read", (string?)root["permissions"]["contents"]);
        var jobs = (YamlMappingNode)root["jobs"];
        Assert.NotEmpty(jobs.Children);
        Assert.All(jobs.Children.Values, job => ShouldBeAbleToFail((YamlMappingNode)job));
        foreach (var step in jobs.Children.Values.SelectMany(job => (YamlSequenceNode)job["steps"]).Cast<YamlMappingNode>())
        {
            if (step.Children.TryGetValue("uses", out var action))
            {
                Assert.Matches("^[a-z-]+/[a-z-]+@v[0-9]+$", (string)action!);
                continue;
            }

            foreach (var line in ((string)step["run"]!).Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                Assert.Contains(Normalise(line), known);
            }
        }
    }

    [Fact]
    public void Forms_and_settings_are_well_formed()
    {
        string[] forms = ["ISSUE_TEMPLATE/bug_report.yml", "ISSUE_TEMPLATE/feature_request.yml"];
        Assert.All(forms, form =>
        {
            var root = Read(form);
            Assert.All(["name", "description", "body"], key => Assert.True(root.Children.ContainsKey(new YamlScalarNode(key)), key));
            foreach (var field in (YamlSequenceNode)root["body"])
            {
                Assert.Contains((string?)field["type"], FieldTypes);
            }
        });
        Assert.NotNull(Read("ISSUE_TEMPLATE/config.yml"));
        Assert.NotNull(Read("dependabot.yml"));
    }

    [Theory]
    [InlineData("dotnet pwsh -NoProfile -File build.ps1 -Task Pester", "build.ps1 -Task Pester")]
    [InlineData("dotnet pwsh ./build.ps1 -Task Pester", "build.ps1 -Task Pester")]
    [InlineData("env REDIS_URL=\"$REDIS_URL\" dotnet test --project tests/faults --no-build", "dotnet test --project tests/faults")]
    [InlineData("sudo apt-get install -y -qq tmux", "apt-get install tmux")]
    public void A_command_is_known_in_whatever_form_it_is_written(string written, string command)
    {
        Assert.Equal([command], CommandsOf(written));
        Assert.Equal([command], CommandsOf($"Run `{written}` now."));
    }

    /// <summary>No job may be let off, and what goes without a build comes after one.</summary>
    private static void ShouldBeAbleToFail(YamlMappingNode job)
    {
        string[] jobKeys = ["strategy", "runs-on", "timeout-minutes", "services", "env", "steps"];
        string[] stepKeys = ["uses", "with", "run", "if"];
        Assert.All(job.Children.Keys, key => Assert.Contains((string)key!, jobKeys));
        var isBuilt = false;
        foreach (var step in ((YamlSequenceNode)job["steps"]).Cast<YamlMappingNode>())
        {
            Assert.All(step.Children.Keys, key => Assert.Contains((string)key!, stepKeys));
            var condition = step.Children.TryGetValue("if", out var written) ? (string)written! : "matrix.";
            Assert.StartsWith("matrix.", condition, StringComparison.Ordinal);
            var command = step.Children.TryGetValue("run", out var run) ? (string)run! : "";
            Assert.True(isBuilt || !command.Contains("--no-build", StringComparison.Ordinal), $"'{command}' comes before a build.");
            isBuilt |= command == "dotnet build";
        }
    }

    private static YamlMappingNode Read(string file)
    {
        var yaml = new YamlStream();
        using var text = File.OpenText(Path.Combine(RepositoryLayout.Root, ".github", file));
        yaml.Load(text);
        return (YamlMappingNode)Assert.Single(yaml.Documents).RootNode;
    }

    private static IEnumerable<string> CommandsOf(string text) => Command().Matches(text).Select(match => Normalise(match.Value));

    private static string Normalise(string command)
    {
        var words = command.Split(' ', StringSplitOptions.RemoveEmptyEntries).Where(word => !Manners.Contains(word)).ToList();
        var script = words.FindIndex(word => word is "build.ps1" or "./build.ps1");
        if (script < 0) return string.Join(' ', words);
        words[script] = "build.ps1";
        return string.Join(' ', words[script..]);
    }

    [GeneratedRegex(@"(?:\b(?:dotnet|apt-get)|(?:\./)?build\.ps1) [^`'""|&;#()\n]+", RegexOptions.None, matchTimeoutMilliseconds: 5000)]
    private static partial Regex Command();
}
