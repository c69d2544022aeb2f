using ProjectionReplay.Configuration;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Faults;

/// <summary>The servers, one of them behind a link that fails when told to.</summary>
internal sealed class LinkedServers(TestServers servers, Server faulty) : IAsyncDisposable
{
    public FaultyLink Link { get; } = new(faulty switch
    {
        Server.ClickHouse => servers.ClickHouseUrl,
        Server.Redis => servers.RedisUrl,
        _ => servers.DatabaseUrl,
    });

    public ReplayConnections Connections => new(directory: null, environment: _ => null)
    {
        ClickHouseUrl = faulty == Server.ClickHouse ? Link.Url : servers.ClickHouseUrl,
        RedisUrl = faulty == Server.Redis ? Link.Url : servers.RedisUrl,
        DatabaseUrl = faulty == Server.Postgres ? Link.Url : servers.DatabaseUrl,
    };

    /// <summary>A projection that works with the server.</summary>
    public static string ProjectionOn(Server server) => server == Server.Postgres ? "tenantDailyBillableEvents" : "evaluationState";

    public ValueTask DisposeAsync() => Link.DisposeAsync();
}
