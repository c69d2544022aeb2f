namespace ProjectionReplay.Cmdlets;

/// <summary>The module among other modules.</summary>
public sealed class ModuleTests
{
    [Fact]
    public async Task Engine_and_its_libraries_stay_out_of_PowerShells_own_load_context()
    {
        var lines = await ChildShell.RunAsync("""
            $null = Get-ReplayProjection
            $nowhere = @{ ClickHouseUrl = 'http://127.0.0.1:1/x'; RedisUrl = 'redis://127.0.0.1:1' }
            $null = Test-ReplayConnection @nowhere -DatabaseUrl postgresql://u@127.0.0.1:1/x
            foreach ($context in [System.Runtime.Loader.AssemblyLoadContext]::All) {
                foreach ($assembly in $context.Assemblies) { "$($context.Name)/$($assembly.GetName().Name)" }
            }
            """);

        Assert.Contains("Default/ProjectionReplay.PowerShell", lines);
        Assert.Contains("ProjectionReplay/ProjectionReplay.Core", lines);
        foreach (var library in (string[])["StackExchange.Redis", "ClickHouse.Driver", "Npgsql"])
        {
            Assert.Contains($"ProjectionReplay/{library}", lines);
        }

        string[] isolated =
        [
            "ProjectionReplay.Core", "StackExchange.Redis", "Npgsql", "ClickHouse.Driver", "Polly.Core", "dotenv.net",
            "Microsoft.Extensions.Logging.Abstractions",
        ];
        Assert.DoesNotContain(lines, line => isolated.Contains(line.Replace("Default/", "", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Importing_touches_neither_engine_nor_libraries()
    {
        var lines = await ChildShell.RunAsync(
            "[System.AppDomain]::CurrentDomain.GetAssemblies().ForEach{ $_.GetName().Name } "
                + "| Where-Object { $_ -match 'ProjectionReplay|Npgsql|Redis|ClickHouse' }");

        Assert.Equal(["ProjectionReplay.PowerShell", "ProjectionReplay.TestShell"], lines.Order());
    }

    [Fact]
    public async Task Module_works_again_after_it_was_removed()
    {
        var lines = await ChildShell.RunAsync($$"""
            Remove-Module ProjectionReplay
            Import-Module '{{RepositoryLayout.Manifest}}'
            (Get-ReplayProjection evaluationState).Name
            Remove-Module ProjectionReplay
            Import-Module '{{RepositoryLayout.Manifest}}'
            (Get-ReplayProjection evaluationState).Name
            """);

        Assert.Equal(["evaluationState", "evaluationState"], lines);
    }

    [Fact]
    public void Every_cmdlet_is_exported_with_an_approved_verb_and_an_output_type()
    {
        using var session = new PowerShellSession();

        var outcome = session.Run("Get-Command -Module ProjectionReplay").ShouldSucceed();

        Assert.Equal(
            [
                "Clear-ReplayMarker", "Compare-ReplayProjection", "Export-Json", "Get-ReplayMarker", "Get-ReplayProjection",
                "Invoke-ProjectionReplay", "Test-ReplayConnection",
            ],
            outcome.Values("Name").Order());
        Assert.All(outcome.Output, command => Assert.NotEmpty((System.Collections.IEnumerable)command.Properties["OutputType"].Value));
        Assert.Empty(outcome.Warnings);
    }
}
