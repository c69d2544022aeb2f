using System.Globalization;

namespace ProjectionReplay.Cmdlets;

/// <summary>Get-ReplayProjection.</summary>
public sealed class GetReplayProjectionTests
{
    [Fact]
    public void Lists_the_built_in_projections_by_name()
    {
        using var session = new PowerShellSession();

        var outcome = session.Run("Get-ReplayProjection").ShouldSucceed();

        Assert.Contains("evaluationState", outcome.Values("Name"));
        Assert.Contains("experimentRunState", outcome.Values("Name"));
        Assert.Equal(outcome.Values("Name").Cast<string>().Order(StringComparer.Ordinal), outcome.Values("Name"));
    }

    [Fact]
    public void Describes_a_projection_in_flat_properties()
    {
        using var session = new PowerShellSession();

        var info = Assert.Single(session.Run("Get-ReplayProjection EVALUATIONstate").ShouldSucceed().Output);

        Assert.Equal(
            ["Name", "Pipeline", "AggregateType", "EventTypes", "QueueName", "Store", "Table", "ReplaySafety", "Version", "Source"],
            info.Properties.Select(property => property.Name));
        Assert.Equal("{evaluation_processing/projection/evaluationState}", info.Properties["QueueName"].Value);
        Assert.Equal("ClickHouse", info.Properties["Store"].Value);
        Assert.Equal("built-in", info.Properties["Source"].Value);
        Assert.Equal("evaluationState", info.BaseObject.ToString());
    }

    [Fact]
    public void Wildcards_choose_and_may_choose_nothing()
    {
        using var session = new PowerShellSession();

        Assert.Equal(["evaluationState"], session.Run("Get-ReplayProjection eval*").ShouldSucceed().Values("Name"));
        Assert.Empty(session.Run("Get-ReplayProjection zzz*").ShouldSucceed().Output);
    }

    [Fact]
    public void Name_without_match_is_an_error_that_does_not_keep_the_others_back()
    {
        using var session = new PowerShellSession();

        var outcome = session.Run("Get-ReplayProjection nope, evaluationState");

        Assert.Equal(["evaluationState"], outcome.Values("Name"));
        var error = Assert.Single(outcome.Errors);
        Assert.Equal("ProjectionNotFound,ProjectionReplay.PowerShell.GetReplayProjectionCommand", error.FullyQualifiedErrorId);
        Assert.Contains("experimentRunState", error.Exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Projections_of_other_assemblies_are_found_by_path_and_by_variable()
    {
        const string Script =
            "Get-ReplayProjection {0} | Where-Object Source -ne built-in | ForEach-Object {{ \"$($_.Name) $($_.Source)\" }}";
        var folder = Path.Combine(AppContext.BaseDirectory, "sample-projections");
        var assembly = Path.Combine(folder, "SampleProjections.dll");

        var byPath = await ChildShell.RunAsync(
            $"$null = $ExecutionContext.SessionState.Path.SetLocation('{folder}')\n"
                + string.Format(CultureInfo.InvariantCulture, Script, "-Path ./Sample*s.dll"));
        var byVariable = await ChildShell.RunAsync(
            string.Format(CultureInfo.InvariantCulture, Script, ""), ("PROJECTION_REPLAY_PATH", assembly + Path.PathSeparator));

        Assert.EndsWith(" " + assembly, Assert.Single(byPath), StringComparison.Ordinal);
        Assert.Equal(byPath, byVariable);
    }

    [Fact]
    public async Task Projection_of_another_assembly_brings_it_along_to_the_replay()
    {
        var assembly = Path.Combine(AppContext.BaseDirectory, "sample-projections", "SampleProjections.dll");

        var lines = await ChildShell.RunAsync(
            $"Get-ReplayProjection -Path '{assembly}' | Where-Object Source -ne built-in "
                + "| Invoke-ProjectionReplay -TenantId t -Since 2026-01-01");

        // It got past the look-up, to the servers.
        Assert.StartsWith("ERROR ConnectionUrlMissing", Assert.Single(lines), StringComparison.Ordinal);
    }

    [Fact]
    public void Assembly_that_is_not_there_is_an_error()
    {
        using var session = new PowerShellSession();

        session.Run("Get-ReplayProjection -Path ./nothing.dll").ShouldFailWith("PathNotFound");
        session.Run($"Get-ReplayProjection -Path '{RepositoryLayout.Manifest}'").ShouldFailWith("ProjectionAssemblyInvalid");
    }
}
