using System.Globalization;
using ClickHouse.Driver;
using ProjectionReplay.Faults;

namespace ProjectionReplay.ClickHouse;

/// <summary>
/// The replica that answers, where a table is replicated: live handlers may have written to another one what this one has yet to
/// fetch. Safe for concurrent use.
/// </summary>
internal sealed class TableReplica(ClickHouseDatabase database, string table)
{
    /// <summary>What the clocks of two servers may differ by, and whole seconds are rounded by.</summary>
    private const long ClockTolerance = 5;

    private const int AccessDenied = 497;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    private volatile bool _isBlind;

    /// <summary>Why nobody can tell whether the replica is behind, as a sentence; null when it can be told.</summary>
    public string? Doubt => !_isBlind ? null :
        $"Table {table} is replicated, and the user may not see how far the replica that answers is behind: what it lacks is not "
            + "waited for. Grant SELECT on system.replicas, or see that it is not behind.";

    /// <summary>The replica of a table that has such an engine; else null.</summary>
    public static TableReplica? Of(ClickHouseDatabase database, string table, string engine) =>
        engine.StartsWith("Replicated", StringComparison.Ordinal) ? new TableReplica(database, table) : null;

    /// <summary>Waits until the replica has all that any other had when it was asked.</summary>
    /// <param name="patience">How long to wait.</param>
    /// <param name="timeProvider">The clock.</param>
    /// <param name="cancellationToken">Abandons the wait.</param>
    /// <exception cref="ReplayException"><see cref="ReplayError.ReplicaBehind"/>: it has not, after all that time.</exception>
    public async Task CatchUpAsync(TimeSpan patience, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        var started = timeProvider.GetTimestamp();
        if (await LookAsync(cancellationToken).ConfigureAwait(false) is not { } first || first.HasAll) return;
        var now = first;
        for (var pause = FirstPause; !now.Has(first); pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            if (timeProvider.GetElapsedTime(started) > patience) throw Behind(now.Delay, patience);
            await Task.Delay(pause, timeProvider, cancellationToken).ConfigureAwait(false);
            if (await LookAsync(cancellationToken).ConfigureAwait(false) is not { } next) return;
            now = next;
        }
    }

    private ReplayException Behind(long delay, TimeSpan patience) => new(
        ReplayError.ReplicaBehind,
        string.Create(
            CultureInfo.InvariantCulture,
            $"The ClickHouse replica that answers lacks rows of table {table} that others have, and did not fetch them within "
                + $"{patience.TotalSeconds:0.###} s: by its own account it is {delay:N0} s behind. "
                + $"Wait until it has caught up, give a longer -DrainTimeout, or point the ClickHouse URL to another replica."));

    /// <summary>How far the replica is; null when nobody says.</summary>
    private async Task<ReplicaState?> LookAsync(CancellationToken cancellationToken)
    {
        try
        {
            // Entries of the common log up to the pointer are in the replica's own queue, where fetches are counted as inserts.
            var rows = await database.QueryTextsAsync(
                """
                SELECT toString(log_max_index), toString(log_pointer), toString(inserts_in_queue),
                    toString(toUnixTimestamp(inserts_oldest_time)), toString(toUnixTimestamp(now())), toString(absolute_delay)
                FROM system.replicas
                WHERE database = currentDatabase() AND table = {table:String}
                """,
                [new("table", "String", table)],
                columns: 6,
                cancellationToken).ConfigureAwait(false);
            _isBlind = rows.Count == 0;
            return rows is [var row] ? new ReplicaState([.. row.Select(number => long.Parse(number, CultureInfo.InvariantCulture))]) : null;
        }
        catch (ClickHouseServerException exception) when (exception.ErrorCode == AccessDenied)
        {
            _isBlind = true;
            return null;
        }
    }

    private sealed class ReplicaState(long[] numbers)
    {
        private long LastEntry => numbers[0];

        private long NextEntry => numbers[1];

        private long Fetches => numbers[2];

        private long OldestFetch => numbers[3];

        private long Now => numbers[4];

        /// <summary>How many seconds it is behind.</summary>
        public long Delay => numbers[5];

        /// <summary>Whether all is here that was in the common log.</summary>
        public bool HasAll => NextEntry > LastEntry && Fetches == 0;

        /// <summary>
        /// Whether all is here that was in the common log at an earlier look. What is still to be fetched is younger, by the clock of
        /// the server that made the entry.
        /// </summary>
        public bool Has(ReplicaState earlier) =>
            NextEntry > earlier.LastEntry && (Fetches == 0 || OldestFetch > earlier.Now + ClockTolerance);
    }
}
