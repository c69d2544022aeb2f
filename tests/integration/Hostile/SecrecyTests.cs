using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Text;
using ProjectionReplay.Cmdlets;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Hostile;

/// <summary>
/// However a command fails, the password of its URLs is nowhere in what it leaves behind: no stream, no file, no
/// exception. What the operator typed is the operator's: here the URLs come by a variable, as in a script.
/// </summary>
public sealed class SecrecyTests(TestServers servers) : IClassFixture<TestServers>, IDisposable
{
    private const string Secret = "hunter2-Zx9Qw";

    private readonly PowerShellSession _session = new();

    public static TheoryData<string, string> Failures { get; } = new()
    {
        { "wrong ClickHouse password", "ClickHouseUrl" },
        { "wrong Redis password", "RedisUrl" },
        { "wrong Postgres password", "DatabaseUrl" },
        { "unreachable ClickHouse", "ClickHouseUrl" },
        { "unreachable Redis", "RedisUrl" },
        { "unreachable Postgres", "DatabaseUrl" },
        { "unknown ClickHouse host", "ClickHouseUrl" },
        { "unknown Redis host", "RedisUrl" },
        { "unknown Postgres host", "DatabaseUrl" },
        { "malformed ClickHouse", "ClickHouseUrl" },
        { "malformed Redis", "RedisUrl" },
        { "malformed Postgres", "DatabaseUrl" },
        { "unescaped ClickHouse", "ClickHouseUrl" },
        { "unescaped Redis", "RedisUrl" },
        { "unescaped Postgres", "DatabaseUrl" },
        { "missing ClickHouse table", "ClickHouseUrl" },
        { "missing Postgres table", "DatabaseUrl" },
        { "password in the query of ClickHouse", "ClickHouseUrl" },
        { "TLS where there is none of ClickHouse", "ClickHouseUrl" },
        { "TLS where there is none of Redis", "RedisUrl" },
        { "TLS where there is none of Postgres", "DatabaseUrl" },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task No_failure_to_start_shows_a_password(string failure, string parameter)
    {
        var tenant = await new TestTenant(servers).AddEvaluations(1).AppendAsync();
        var urls = Urls();
        urls[parameter] = Broken(failure, parameter);

        var outcome = Run(tenant, urls);

        // A ClickHouse embedded in the sandbox, and a Redis without accounts, take any password.
        if (!failure.StartsWith("wrong", StringComparison.Ordinal))
            Assert.True(outcome.Terminating is not null, $"'{failure}' should have failed.");
        ShouldKeepTheSecret(outcome);
    }

    [Theory]
    [MemberData(nameof(Failures))]
    public void No_test_of_the_connections_shows_a_password(string failure, string parameter)
    {
        var urls = Urls();
        urls[parameter] = Broken(failure, parameter);

        var outcome = _session.Run("Test-ReplayConnection -TenantId t1 @urls -Verbose -Debug 5>&1 6>&1", ("urls", urls)).ShouldSucceed();

        if (!failure.StartsWith("wrong", StringComparison.Ordinal)) Assert.Contains("Failed", outcome.Values("Result"));
        Assert.Equal(["ClickHouse", "Redis", "Postgres"], outcome.Values("Server").Distinct());
        ShouldKeepTheSecret(outcome);
    }

    [Fact]
    public async Task No_failure_half_way_shows_a_password()
    {
        var tenant = new TestTenant(servers).AddEvaluations(3);
        tenant.AddRaw("evaluation", "e9999", "lw.evaluation.completed", TestTenant.Start, "no JSON");
        await tenant.AppendAsync();

        var outcome = Run(tenant, Urls(), "evaluationState");

        outcome.ShouldFailWith("InvalidEventPayload");
        Assert.Single(_session.Location.GetFiles("*.jsonl"));
        ShouldKeepTheSecret(outcome);
    }

    [Fact]
    public async Task A_replay_that_succeeds_shows_no_password_either()
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();

        var outcome = Run(tenant, Urls(), "evaluationState").ShouldSucceed();

        Assert.NotEmpty(_session.Location.GetFiles("*.jsonl"));
        Assert.NotEmpty(_session.Location.GetFiles("run.json"));
        Assert.Contains(outcome.Verbose, text => text.Contains("***", StringComparison.Ordinal));
        ShouldKeepTheSecret(outcome);
    }

    [Theory]
    [InlineData("unreachable Redis")]
    [InlineData("malformed Redis")]
    public void Clearing_markers_shows_no_password(string failure)
    {
        var outcome = _session.Run(
            "Clear-ReplayMarker x -RedisUrl $urls.RedisUrl -Confirm:$false -Verbose -Debug",
            ("urls", new Hashtable { ["RedisUrl"] = Broken(failure, "RedisUrl") }));

        Assert.NotNull(outcome.Terminating);
        ShouldKeepTheSecret(outcome);
    }

    public void Dispose() => _session.Dispose();

    private ShellOutcome Run(TestTenant tenant, Hashtable urls, string projection = "tenantDailyBillableEvents") => _session.Run(
        $$"""
        $DebugPreference = 'Continue'
        & {
            Invoke-ProjectionReplay {{projection}} $tenant 2026-01-01 -AggregateBatchSize 2 @urls -Verbose -Debug |
                Export-Json run.json -PassThru
        } 5>&1 6>&1
        """,
        ("tenant", tenant.Id),
        ("urls", urls));

    /// <summary>URLs that work, all with the password where the server takes any.</summary>
    private Hashtable Urls()
    {
        var urls = InvokeProjectionReplayTests.Urls(servers);
        urls["ClickHouseUrl"] = WithPassword(servers.ClickHouseUrl, "default");
        return urls;
    }

    private string Broken(string failure, string parameter)
    {
        var (url, user) = parameter switch
        {
            "ClickHouseUrl" => (servers.ClickHouseUrl, "default"),
            "RedisUrl" => (servers.RedisUrl, ""),
            _ => (servers.DatabaseUrl, "langwatch"),
        };
        var scheme = url[..url.IndexOf(':', StringComparison.Ordinal)];
        var address = url[(url.LastIndexOfAny(['@', '/'], url.LastIndexOf(':')) + 1)..];
        return failure[..failure.IndexOf(' ', StringComparison.Ordinal)] switch
        {
            "wrong" => WithPassword(url, user),
            "unreachable" => $"{scheme}://{user}:{Secret}@127.0.0.1:1/0",
            "unknown" => $"{scheme}://{user}:{Secret}@no-such-host.invalid/0",
            "malformed" => $"{scheme}://{user}:{Secret}",
            "unescaped" => $"{scheme}://{user}:a/{Secret}?x#y@{address}",
            "missing" => url[..url.LastIndexOf('/')].Replace("default:@", $"default:{Secret}@", StringComparison.Ordinal)
                + (parameter == "ClickHouseUrl" ? "/default" : "/postgres"),
            "password" => $"{url}?password={Secret}",
            _ => TlsOf(parameter, WithPassword(url, user)),
        };
    }

    private static string TlsOf(string parameter, string url) => parameter switch
    {
        "ClickHouseUrl" => url.Replace("http://", "https://", StringComparison.Ordinal),
        "RedisUrl" => url.Replace("redis://", "rediss://", StringComparison.Ordinal),
        _ => url + "?sslmode=require",
    };

    private static string WithPassword(string url, string user)
    {
        var start = url.IndexOf("://", StringComparison.Ordinal) + 3;
        return $"{url[..start]}{user}:{Secret}@{url[(Math.Max(start, url.LastIndexOf('@') + 1))..]}";
    }

    private void ShouldKeepTheSecret(ShellOutcome outcome)
    {
        var left = new StringBuilder();
        foreach (var error in outcome.Errors.Append(outcome.Terminating).OfType<ErrorRecord>()) Describe(error, left);
        foreach (var text in outcome.Warnings.Concat(outcome.Verbose)) left.AppendLine("stream: " + text);
        foreach (var record in outcome.Progress)
            left.AppendLine(CultureInfo.InvariantCulture, $"progress: {record} {record.StatusDescription} {record.CurrentOperation}");
        foreach (var item in outcome.Output)
        {
            left.AppendLine(CultureInfo.InvariantCulture, $"output: {item}");
            foreach (var property in item.Properties)
                left.AppendLine(CultureInfo.InvariantCulture, $"output: {property.Name} = {property.Value}");
        }

        foreach (var file in _session.Location.GetFiles("*", SearchOption.AllDirectories))
            left.AppendLine(CultureInfo.InvariantCulture, $"{file.Name}: {File.ReadAllText(file.FullName)}");
        var leaks = left.ToString().Split('\n').Where(line => line.Contains(Secret, StringComparison.Ordinal)).ToList();
        Assert.True(leaks.Count == 0, "The password should be nowhere, but is in:\n" + string.Join('\n', leaks));
    }

    private static void Describe(ErrorRecord error, StringBuilder left)
    {
        left.AppendLine(
            CultureInfo.InvariantCulture,
            $"error: {error} {error.FullyQualifiedErrorId} {error.CategoryInfo} {error.TargetObject} "
                + $"{error.ErrorDetails} {error.ScriptStackTrace}");
        left.AppendLine(
            CultureInfo.InvariantCulture,
            $"invocation: {error.InvocationInfo?.Line} {error.InvocationInfo?.PositionMessage} {error.InvocationInfo?.Statement}");
        foreach (var bound in error.InvocationInfo?.BoundParameters ?? [])
            left.AppendLine(CultureInfo.InvariantCulture, $"bound parameter: {bound.Key} = {bound.Value}");
        foreach (var unbound in error.InvocationInfo?.UnboundArguments ?? [])
            left.AppendLine(CultureInfo.InvariantCulture, $"unbound argument: {unbound}");
        for (var exception = error.Exception; exception is not null; exception = exception.InnerException)
        {
            left.AppendLine(CultureInfo.InvariantCulture, $"exception: {exception}");
            foreach (DictionaryEntry entry in exception.Data)
                left.AppendLine(CultureInfo.InvariantCulture, $"data: {entry.Key} = {entry.Value}");
            foreach (var property in exception.GetType().GetProperties().Where(property => property.GetIndexParameters().Length == 0))
            {
                left.AppendLine(
                    CultureInfo.InvariantCulture, $"{exception.GetType().Name}.{property.Name} = {property.GetValue(exception)}");
            }
        }
    }
}
