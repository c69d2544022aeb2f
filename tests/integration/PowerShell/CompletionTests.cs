using ProjectionReplay.Servers;

namespace ProjectionReplay.Cmdlets;

/// <summary>What Tab offers, and that it is what was meant whatever a tenant is called.</summary>
public sealed class CompletionTests(TestServers servers) : IClassFixture<TestServers>, IDisposable
{
    private readonly PowerShellSession _session = new();
    private readonly string _mark = $"tab{Guid.NewGuid():N}";

    [Theory]
    [InlineData("Invoke-ProjectionReplay evaluationState {0}")]
    [InlineData("Invoke-ProjectionReplay -TenantId {0}")]
    [InlineData("Invoke-ProjectionReplay -TenantId other, {0}")]
    [InlineData("Clear-ReplayMarker evaluationState {0}")]
    public async Task Tenants_come_from_the_database_that_the_env_file_names(string typed)
    {
        await AppendAsync($"{_mark}_a", $"{_mark}_b");
        await WriteEnvFileAsync();

        Assert.Equal([$"{_mark}_a", $"{_mark}_b"], Complete(string.Format(null, typed, _mark)));
        Assert.Equal([$"{_mark}_b"], Complete(string.Format(null, typed, $"{_mark}_b")));
    }

    [Fact]
    public async Task Tenants_come_from_the_database_that_the_command_line_names()
    {
        await AppendAsync($"{_mark}_a");
        await File.WriteAllTextAsync(_session.PathOf(".env"), "CLICKHOUSE_URL=http://127.0.0.1:1/nowhere");

        Assert.Equal([$"{_mark}_a"], Complete($"Invoke-ProjectionReplay -ClickHouseUrl '{servers.ClickHouseUrl}' -TenantId {_mark}"));
        Assert.Equal([$"{_mark}_a"], Complete($"Invoke-ProjectionReplay -ClickHouseUrl $url -TenantId {_mark}"));
    }

    [Theory]
    [InlineData("with space")]
    [InlineData("o'brien")]
    [InlineData("o\u2019brien")]
    [InlineData("a,b;c|d&e")]
    [InlineData("$home `n \"x\"")]
    [InlineData("star*[a]?")]
    [InlineData("größe-日本")]
    [InlineData("-dash")]
    [InlineData("back\\slash")]
    public async Task A_completed_tenant_is_that_tenant_whatever_it_is_called(string name)
    {
        var id = _mark + name;
        await AppendAsync(id);

        foreach (var quote in (string[])["", "'", "\""])
        {
            var completed = Assert.Single(Complete($"Invoke-ProjectionReplay -ClickHouseUrl $url -TenantId {quote}{_mark}"));

            // As a command would get it.
            Assert.Equal(
                [id],
                _session.Run($"& {{ param([string[]] $TenantId) $TenantId }} -TenantId {completed}")
                    .ShouldSucceed().Output.Select(item => item.BaseObject));
        }
    }

    [Fact]
    public async Task What_is_typed_has_no_wildcards_and_keeps_its_case()
    {
        await AppendAsync($"{_mark}_one", $"{_mark}*two");

        Assert.Equal([$"'{_mark}*two'"], Complete($"Invoke-ProjectionReplay -ClickHouseUrl $url -TenantId {_mark}*"));
        Assert.Empty(CompleteOnce($"Invoke-ProjectionReplay -ClickHouseUrl $url -TenantId {_mark}?"));
        Assert.Empty(CompleteOnce($"Invoke-ProjectionReplay -ClickHouseUrl $url -TenantId {_mark.ToUpperInvariant()}"));
    }

    [Fact]
    public async Task Tenants_that_a_terminal_would_obey_are_left_out()
    {
        await AppendAsync($"{_mark}\u001b[2J", $"{_mark}_fine");

        Assert.Equal([$"{_mark}_fine"], Complete($"Invoke-ProjectionReplay -ClickHouseUrl $url -TenantId {_mark}"));
    }

    [Fact]
    public async Task Where_no_server_answers_there_are_no_completions_soon_no_error_and_no_files()
    {
        await File.WriteAllTextAsync(_session.PathOf("tenant.txt"), "");
        CompleteOnce("Get-ReplayProjection eval");

        // One that refuses, one that is silent, one that is not there, and none at all.
        using var silent = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        silent.Start();
        var started = TimeProvider.System.GetTimestamp();
        foreach (var url in (string[])
            ["http://127.0.0.1:1/x", $"http://{silent.LocalEndpoint}/x", "http://10.255.255.1:8123/x", "nonsense"])
        {
            Assert.Empty(CompleteOnce($"Invoke-ProjectionReplay -ClickHouseUrl {url} -TenantId ten"));
        }

        var taken = TimeProvider.System.GetElapsedTime(started);
        Assert.True(taken < TimeSpan.FromSeconds(6), $"Four completions, of a second at most each, took {taken}.");
    }

    [Theory]
    [InlineData("", 5)]
    [InlineData("yest", 1)]
    [InlineData("first of", 2)]
    [InlineData("0", 0)]
    public void Start_dates_complete_by_date_and_by_name(string typed, int count)
    {
        var today = DateTime.UtcNow.Date;
        DateTime[] dates = [today, today.AddDays(-1), today.AddDays(-7), new(today.Year, today.Month, 1), new(today.Year, 1, 1)];
        string[] all = [.. dates.Select(Iso)];

        var completed = CompleteOnce($"Invoke-ProjectionReplay evaluationState t -Since '{typed}");

        if (count == 0) Assert.Empty(completed);
        else Assert.All(completed, text => Assert.Contains(text.Trim('\''), all));
        if (count == 1) Assert.Equal([$"'{all[1]}'"], completed);
        if (count == 5) Assert.Equal(all.Distinct().Order(), completed.Select(text => text.Trim('\'')).Order());
    }

    [Fact]
    public async Task Start_dates_have_the_day_of_the_tenants_first_event()
    {
        await AppendAsync(_mark);
        await WriteEnvFileAsync();

        ShellOutcome? outcome = null;
        SpinWait.SpinUntil(
            () =>
            {
                outcome = _session.Run(
                    "[System.Management.Automation.CommandCompletion]::CompleteInput($typed, $typed.Length, $null).CompletionMatches",
                    ("typed", $"Invoke-ProjectionReplay evaluationState {_mark} "));
                return Equals(outcome.Values("CompletionText")[^1], Iso(TestTenant.Start.UtcDateTime));
            },
            TimeSpan.FromMinutes(2));

        Assert.Equal(Iso(TestTenant.Start.UtcDateTime), outcome!.Values("CompletionText")[^1]);
        Assert.Equal($"everything: the first event of tenant {_mark} happened at 2026-01-10 00:00:00 UTC", outcome.Values("ToolTip")[^1]);
    }

    public void Dispose() => _session.Dispose();

    private static string Iso(DateTime date) => date.ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture);

    private async Task AppendAsync(params string[] tenants)
    {
        foreach (var id in tenants) await new TestTenant(servers, id).AddEvaluation("e1").AppendAsync();
    }

    private Task WriteEnvFileAsync() => File.WriteAllTextAsync(_session.PathOf(".env"), $"CLICKHOUSE_URL={servers.ClickHouseUrl}\n");

    /// <summary>Presses Tab once.</summary>
    private IReadOnlyList<string> CompleteOnce(string typed) => [.. _session.Run(
        "[System.Management.Automation.CommandCompletion]::CompleteInput($typed, $typed.Length, $null).CompletionMatches",
        ("typed", typed), ("url", servers.ClickHouseUrl)).ShouldSucceed().Values("CompletionText").Cast<string>()];

    /// <summary>Presses Tab until there is something: a busy server may need longer than a completion waits.</summary>
    private IReadOnlyList<string> Complete(string typed)
    {
        IReadOnlyList<string> completed = [];
        SpinWait.SpinUntil(() => (completed = CompleteOnce(typed)).Count > 0, TimeSpan.FromMinutes(2));
        return completed;
    }
}
