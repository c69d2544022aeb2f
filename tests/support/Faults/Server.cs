namespace ProjectionReplay.Faults;

/// <summary>The servers that a replay works with.</summary>
internal enum Server
{
    ClickHouse,
    Redis,
    Postgres,
}
