using ProjectionReplay.ClickHouse;
using ProjectionReplay.Faults;
using ProjectionReplay.Tables;

namespace ProjectionReplay.Events;

/// <summary>The table <c>event_log</c>: its engine, its columns, its parts, its replicas. Safe for concurrent use.</summary>
internal sealed class EventLogTable(ClickHouseDatabase database)
{
    public const string Name = "event_log";

    // Read byte for byte, without asking for a conversion: of those types, and no others.
    private static readonly RequiredColumn[] Columns =
    [
        RowBinaryType.Read("TenantId", "String"),
        RowBinaryType.Read("AggregateType", "String"),
        RowBinaryType.Read("AggregateId", "String"),
        RowBinaryType.Read("EventId", "String"),
        RowBinaryType.Read("EventType", "String"),
        RowBinaryType.Read("EventVersion", "String"),
        RowBinaryType.Read("EventTimestamp", "UInt64", "Int64"),
        RowBinaryType.Read("EventOccurredAt", "UInt64", "Int64"),
        RowBinaryType.Read("EventPayload", "String"),
        RowBinaryType.Read("ProcessingTraceparent", "String"),
        // The server compares it, and sends what came of that.
        RequiredColumn.Any("CreatedAt"),
    ];

    // A view or a distributed table has none, or none of its own.
    private volatile bool _hasParts;
    private volatile bool _hasTimeToLive;
    private volatile bool _mergesRows;
    private volatile TableReplica? _replica;

    private Retries Retries => database.Retries;

    /// <summary>
    /// Whether rows may go by themselves: then as many may come as go, and a count of all says nothing of either. Nobody can tell
    /// of a view or a distributed table.
    /// </summary>
    public bool MayLoseRows => _hasTimeToLive || _mergesRows || !_hasParts;

    /// <summary>Whether the table has parts to ask for: else its rows are counted each time. Known when it was looked at.</summary>
    public bool HasParts => _hasParts;

    /// <summary>Looks at the table. Reads no event.</summary>
    public async Task<TableInspection> InspectAsync(CancellationToken cancellationToken)
    {
        (var engine, _hasTimeToLive) = await ReadEngineAsync(cancellationToken).ConfigureAwait(false);
        _hasParts = engine.EndsWith("MergeTree", StringComparison.Ordinal)
            && await TableParts.MayBeReadAsync(database, Name, cancellationToken).ConfigureAwait(false);

        // Other engines make one row of several when they merge parts.
        _mergesRows = engine is not ("MergeTree" or "ReplicatedMergeTree" or "SharedMergeTree");
        _replica = TableReplica.Of(database, Name, engine);
        database.ReadsLatest = engine.StartsWith("Shared", StringComparison.Ordinal);
        var found = await database.ReadColumnsAsync(Name, cancellationToken).ConfigureAwait(false);
        return database.Describe(Name, Columns).Judge(found);
    }

    /// <summary>
    /// Waits until what live handlers have written by now is there for every query that follows: they may have written to another
    /// replica.
    /// </summary>
    /// <exception cref="ReplayException"><see cref="ReplayError.ReplicaBehind"/>: it is not, after all that time.</exception>
    public Task CatchUpAsync(TimeSpan patience, TimeProvider timeProvider, CancellationToken cancellationToken) =>
        _replica is not { } replica ? Task.CompletedTask : Retries.CallAsync(
            "Waiting for the replica", token => replica.CatchUpAsync(patience, timeProvider, token), cancellationToken);

    /// <summary>Why that cannot be told, as a sentence; null when it can.</summary>
    public string? ReplicaDoubt => _replica?.Doubt;

    /// <summary>Checks that the table is there.</summary>
    /// <exception cref="ReplayException"><see cref="ReplayError.TableMissing"/>: it is not, or not as it should be.</exception>
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        var inspection = await Retries.CallAsync("Reading the event log", InspectAsync, cancellationToken).ConfigureAwait(false);
        inspection.Require();
    }

    /// <summary>Whether the table has a TTL that removes rows, so that its older rows go by themselves.</summary>
    public async Task<bool> HasTimeToLiveAsync(CancellationToken cancellationToken) =>
        (await ReadEngineAsync(cancellationToken).ConfigureAwait(false)).HasTimeToLive;

    /// <summary>The parts that the table has by now; null when it has none to ask for, or too many.</summary>
    public Task<IReadOnlyList<ulong>?> ListPartsAsync(CancellationToken cancellationToken) => _hasParts
        ? Retries.CallAsync(
            "Listing parts of the event log", token => TableParts.ListAsync(database, Name, token), cancellationToken)
        : Task.FromResult<IReadOnlyList<ulong>?>(null);

    private async Task<(string Engine, bool HasTimeToLive)> ReadEngineAsync(CancellationToken cancellationToken)
    {
        var rows = await database.QueryTextsAsync(
            "SELECT engine, engine_full FROM system.tables WHERE database = currentDatabase() AND name = {table:String}",
            [new("table", "String", Name)],
            columns: 2,
            cancellationToken).ConfigureAwait(false);
        return rows is [[var engine, var definition]] ? (engine, TimeToLive.Removes(definition)) : ("", false);
    }
}
