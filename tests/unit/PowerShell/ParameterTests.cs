using System.Management.Automation;

namespace ProjectionReplay.Cmdlets;

/// <summary>What operators may type, and what they are told when it is wrong.</summary>
public sealed class ParameterTests
{
    [Theory]
    [InlineData("America/New_York")]
    [InlineData("Asia/Tokyo")]
    [InlineData("UTC")]
    public async Task Since_means_the_same_moment_in_every_time_zone(string zone)
    {
        var lines = await ChildShell.RunAsync(
            """
            function Test-Since { param([ProjectionReplay.PowerShell.UtcTimeTransformation()][datetime] $Since) $Since.ToString('o') }
            Test-Since 2026-01-01
            Test-Since '2026-01-01'
            Test-Since ([datetime] '2026-01-01')
            Test-Since '2026-01-01T00:00:00Z'
            Test-Since '2026-01-01T02:00:00+02:00'
            Test-Since ([datetime] '2026-01-01T02:00:00+02:00')
            Test-Since ([DateTimeOffset] '2026-01-01T02:00:00+02:00')
            Test-Since ([datetime]::new(2026, 1, 1, 0, 0, 0, [DateTimeKind]::Utc).ToLocalTime())
            Test-Since ([DateOnly]::new(2026, 1, 1))
            Test-Since '2026-01-01 00:00'
            """,
            ("TZ", zone));

        Assert.Equal(10, lines.Count);
        Assert.All(lines, line => Assert.Equal("2026-01-01T00:00:00.0000000Z", line));
    }

    [Theory]
    [InlineData("'01/02/2026'")]
    [InlineData("'1.2.2026'")]
    [InlineData("'yesterday'")]
    [InlineData("''")]
    [InlineData("20260101")]
    [InlineData("'2026-02-30'")]
    public void Since_that_could_mean_anything_is_refused(string since)
    {
        using var session = new PowerShellSession();

        var message = session.Run($"Invoke-ProjectionReplay evaluationState t {since}")
            .ShouldFailWith("ParameterArgumentTransformationError");

        Assert.Contains("yyyy-MM-dd", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("90", 90)]
    [InlineData("0.5", 0.5)]
    [InlineData("'90'", 90)]
    [InlineData("'00:01:30'", 90)]
    [InlineData("([timespan]::FromSeconds(90))", 90)]
    public void Duration_without_a_unit_is_in_seconds(string given, double seconds)
    {
        using var session = new PowerShellSession();

        var outcome = session.Run($$"""
            function Test-Duration { param([ProjectionReplay.PowerShell.SecondsTransformation()][timespan] $Timeout) $Timeout }
            Test-Duration {{given}}
            """).ShouldSucceed();

        Assert.Equal(TimeSpan.FromSeconds(seconds), Assert.Single(outcome.Output).BaseObject);
    }

    [Fact]
    public void Resume_and_restart_exclude_each_other()
    {
        using var session = new PowerShellSession();

        session.Run("Invoke-ProjectionReplay evaluationState t 2026-01-01 -Resume -Restart").ShouldFailWith("AmbiguousParameterSet");
    }

    [Theory]
    [InlineData("-BatchSize 0")]
    [InlineData("-AggregateBatchSize 0")]
    [InlineData("-Concurrency 257")]
    public void Numbers_out_of_range_are_refused(string parameter)
    {
        using var session = new PowerShellSession();

        session.Run($"Invoke-ProjectionReplay evaluationState t 2026-01-01 {parameter}").ShouldFailWith("ParameterArgumentValidationError");
    }

    [Fact]
    public async Task Missing_url_is_told_with_parameter_variable_and_file()
    {
        var line = Assert.Single(await ChildShell.RunAsync("Invoke-ProjectionReplay evaluationState t 2026-01-01"));

        Assert.StartsWith(
            "ERROR ConnectionUrlMissing,ProjectionReplay.PowerShell.InvokeProjectionReplayCommand: ", line, StringComparison.Ordinal);
        Assert.Contains("-ClickHouseUrl", line, StringComparison.Ordinal);
        Assert.Contains("CLICKHOUSE_URL", line, StringComparison.Ordinal);
        Assert.Contains(".env", line, StringComparison.Ordinal);
    }

    [Fact]
    public void Log_directory_is_asked_for_where_there_is_no_folder()
    {
        using var session = new PowerShellSession();
        session.Run("$ExecutionContext.SessionState.Path.SetLocation('Variable:')").ShouldSucceed();

        var message = session.Run("Invoke-ProjectionReplay evaluationState t 2026-01-01").ShouldFailWith("LogDirectoryMissing");

        Assert.Contains("-LogDirectory", message, StringComparison.Ordinal);
        session.Run("Invoke-ProjectionReplay evaluationState t 2026-01-01 -LogDirectory logs").ShouldFailWith("LogDirectoryMissing");
    }

    [Fact]
    public void Unknown_projection_is_told_with_the_names_there_are()
    {
        using var session = new PowerShellSession();

        var outcome = session.Run("Invoke-ProjectionReplay nope t 2026-01-01");

        Assert.Contains("evaluationState", outcome.ShouldFailWith("ProjectionNotFound"), StringComparison.Ordinal);
        Assert.Equal(
            (ErrorCategory.ObjectNotFound, "nope"), (outcome.Terminating!.CategoryInfo.Category, outcome.Terminating.TargetObject));
    }

    [Theory]
    [InlineData("Invoke-ProjectionReplay eval", "evaluationState")]
    [InlineData("Invoke-ProjectionReplay -Projection 'EXP", "'experimentRunState'")]
    [InlineData("Get-ReplayProjection eval", "evaluationState")]
    [InlineData("Clear-ReplayMarker eval", "evaluationState")]
    public void Projection_names_complete(string typed, string completed)
    {
        using var session = new PowerShellSession();

        var outcome = session.Run(
            "[System.Management.Automation.CommandCompletion]::CompleteInput($typed, $typed.Length, $null).CompletionMatches",
            ("typed", typed)).ShouldSucceed();

        Assert.Equal([completed], outcome.Values("CompletionText"));
    }
}
