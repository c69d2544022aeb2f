using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ProjectionReplay.Configuration;
using ProjectionReplay.Faults;
using ProjectionReplay.Postgres;
using ProjectionReplay.Projections.TenantDailyBillableEvents;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Hostile;

/// <summary>Postgres URLs as libpq reads them: the counters go to the server that is meant.</summary>
public sealed class PostgresUrlTests(TestServers servers) : IClassFixture<TestServers>
{
    private static readonly TenantDailyBillableEventsProjection BillableEvents = TenantDailyBillableEventsProjection.ForTenants();

    private ServerUrl Server => ServerUrl.Parse(servers.DatabaseUrl, "DATABASE_URL", "postgres", "postgresql");

    /// <summary>{0} is the socket's folder, {1} it percent-encoded, {2} the login, {3} the database.</summary>
    [Theory]
    [InlineData("postgres://{2}@{1}:5433/{3}")]
    [InlineData("postgres://{2}@/{3}?host={0}&port=5433")]
    [InlineData("postgres://{2}@127.0.0.1:1/{3}?host={1}&port=5433")]
    [InlineData("postgres://{2}@/{3}?host=/no/such/folder,{0}&port=5433&target_session_attrs=read-write")]
    [InlineData("postgres://{2}@127.0.0.1:1,{1}:5433/{3}")]
    public async Task Counters_are_replayed_through_a_socket(string form)
    {
        await using var socket = new PostgresSocket(servers.DatabaseUrl, 5433);
        var (folder, encoded) = (socket.Folder, Uri.EscapeDataString(socket.Folder));
        var url = string.Format(
            CultureInfo.InvariantCulture, form, folder, encoded, $"{Server.User}:{Server.Password}", Server.Path);

        await ShouldReplayAsync(url);

        Assert.True(socket.Accepted > 0);
    }

    /// <summary>{0} is a port where nobody is, {1} that of the server.</summary>
    [Theory]
    [InlineData("{2},{2}/{3}?port={0},{1}")]
    [InlineData("{2},{2}/{3}?port={1}")]
    [InlineData("[::1]:{0},{2}:{1}/{3}?target_session_attrs=primary")]
    [InlineData("x:1/{3}?host=::1,{2}&port={0},{1}")]
    public async Task Counters_are_replayed_to_the_host_of_several_that_takes_them(string form) => await ShouldReplayAsync(Url(form));

    [Fact]
    public async Task Hosts_that_only_read_are_not_written_to()
    {
        var outcome = await RunAsync(
            Url("{2},{2}/{3}?port={1},{1}&options=-c%20default_transaction_read_only%3Don"), new TestTenant(servers), new HastyTime());

        outcome.ShouldFailWith(ReplayError.PostgresUnavailable);
    }

    [Fact]
    public async Task Options_get_to_the_server()
    {
        await using var source = PostgresSource.Open(
            new ConnectionUrl(Url("{2}:{1}/{3}?options=-c%20statement_timeout%3D54321"), "test"));
        await using var command = source.CreateCommand("SHOW statement_timeout");

        Assert.Equal("54321ms", await command.ExecuteScalarAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Tls_to_plain_ports_is_told()
    {
        await using (var command = servers.Postgres.CreateCommand("SHOW ssl"))
        {
            Assert.SkipWhen(
                Equals(await command.ExecuteScalarAsync(TestContext.Current.CancellationToken), "on"), "This server speaks TLS.");
        }

        var postgres = await RunAsync(Url("{2}:{1}/{3}?sslmode=require"), new TestTenant(servers), new HastyTime());
        var clickHouse = await ReplayOutcome.RunAsync(
            servers,
            BillableEvents,
            new TestTenant(servers),
            connections: Connections(servers.DatabaseUrl, servers.ClickHouseUrl.Replace("http://", "https://", StringComparison.Ordinal)),
            timeProvider: new HastyTime());

        const string Advice = "speaks TLS on that port";
        Assert.Contains(
            Advice, postgres.ShouldFailWith(ReplayError.PostgresUnavailable).Exception!.Message, StringComparison.Ordinal);
        Assert.Contains(
            Advice, clickHouse.ShouldFailWith(ReplayError.ClickHouseUnavailable).Exception!.Message, StringComparison.Ordinal);
    }

    private async Task ShouldReplayAsync(string url)
    {
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();

        (await RunAsync(url, tenant)).ShouldSucceed();

        Assert.Equal(3, (await tenant.BillableEventsAsync())["2026-01-10"]);
    }

    private string Url(string form)
    {
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        var nobody = ((IPEndPoint)free.LocalEndpoint).Port;
        free.Stop();
        return $"postgres://{Server.User}:{Server.Password}@"
            + string.Format(CultureInfo.InvariantCulture, form, nobody, Server.Port ?? 5432, Server.Host, Server.Path);
    }

    private async Task<ReplayOutcome> RunAsync(string databaseUrl, TestTenant tenant, TimeProvider? timeProvider = null) =>
        await ReplayOutcome.RunAsync(
            servers, BillableEvents, tenant, connections: Connections(databaseUrl, servers.ClickHouseUrl), timeProvider: timeProvider);

    private ReplayConnections Connections(string databaseUrl, string clickHouseUrl) => new(directory: null, environment: _ => null)
    {
        ClickHouseUrl = clickHouseUrl,
        RedisUrl = servers.RedisUrl,
        DatabaseUrl = databaseUrl,
    };
}
