using ClickHouse.Driver;
using Npgsql;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Faults;
using ProjectionReplay.Postgres;
using ProjectionReplay.Redis;

namespace ProjectionReplay.Hostile;

/// <summary>The rules of the server whose client throws an exception.</summary>
internal static class RulesOf
{
    public static FaultRules Thrower(Exception fault) => fault switch
    {
        NpgsqlException => PostgresFaults.Rules,
        ClickHouseServerException or HttpRequestException => ClickHouseFaults.Rules,
        _ => RedisFaults.Rules,
    };
}
