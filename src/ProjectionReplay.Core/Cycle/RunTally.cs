using System.Globalization;
using ProjectionReplay.Events;

namespace ProjectionReplay.Cycle;

/// <summary>What became of the aggregates of a run, beside those that were replayed. Several batches may count at once.</summary>
internal sealed class RunTally
{
    private readonly Lock _lock = new();
    private AggregateKey? _poorer;
    private int _poorerCount;

    /// <summary>Aggregates that were planned.</summary>
    public int Planned { get; private set; }

    /// <summary>Aggregates of batches that were found when their turn came, and had not been when the batches were planned.</summary>
    public int Born { get; private set; }

    /// <summary>Aggregates that were planned, and not found when their turn came.</summary>
    public int Gone { get; private set; }

    /// <summary>Aggregates that were left as they are: an earlier replay counted them, or the table knows more than the log.</summary>
    public int SetAside { get; private set; }

    /// <summary>Aggregates that an interrupted run has completed.</summary>
    public int Completed { get; private set; }

    /// <summary>Rows that were stored in vain: the table has one of a later version.</summary>
    public int Overruled { get; private set; }

    /// <summary>
    /// Counts a batch. One that was born and one that is gone within the same batch are not told apart: only where a batch begins
    /// and ends is remembered.
    /// </summary>
    public void Load(int planned, int found)
    {
        lock (_lock)
        {
            Planned += planned;
            Born += Math.Max(0, found - planned);
            Gone += Math.Max(0, planned - found);
        }
    }

    /// <summary>Counts aggregates that were found, and whose events were gone when they were read.</summary>
    public void Lose(int count)
    {
        lock (_lock) Gone += count;
    }

    /// <summary>Counts aggregates that an interrupted run has completed.</summary>
    public void Complete(int count)
    {
        lock (_lock) Completed += count;
    }

    /// <summary>Counts aggregates that an earlier replay accounts for.</summary>
    public void Account(int count)
    {
        lock (_lock) SetAside += count;
    }

    /// <summary>Counts aggregates whose stored rows know more than the log.</summary>
    /// <param name="count">How many.</param>
    /// <param name="example">One of them.</param>
    public void KeepRows(int count, AggregateKey example)
    {
        lock (_lock)
        {
            SetAside += count;
            _poorerCount += count;
            _poorer ??= example;
        }
    }

    /// <summary>Counts rows that are stored in vain.</summary>
    public void Overrule(int count)
    {
        lock (_lock) Overruled += count;
    }

    /// <summary>
    /// What the last line of a run says beside what was replayed; nothing when that is all that was planned.
    /// </summary>
    public string Describe(bool isResumed) => !isResumed && SetAside + Born + Gone == 0 ? "" : string.Create(
        CultureInfo.InvariantCulture,
        $" Planned {Planned:N0}{(isResumed ? string.Create(CultureInfo.InvariantCulture, $", completed before {Completed:N0}") : "")}, "
            + $"set aside {SetAside:N0}, born since {Born:N0}, gone since {Gone:N0}.");

    /// <summary>What the operator must know of rows that are not what a replay would make of them.</summary>
    /// <param name="table">The table.</param>
    /// <param name="versionColumn">The column by which the latest row wins, where a replay writes it.</param>
    public IEnumerable<string> Warnings(string table, string? versionColumn)
    {
        if (_poorerCount > 0)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"{_poorerCount:N0} aggregates are left as they are, for example '{_poorer?.AggregateId}': their rows in {table} know of "
                    + $"first events that the event log does not have any more, and a replay would lose what those events set. "
                    + $"-Verbose names them all; with -AggregateId and -Force they are replayed all the same.");
        }

        if (Overruled > 0)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"{Overruled:N0} rows were stored in vain: {table} has a row of the same key with a later {versionColumn}, which wins. "
                    + $"Compare-ReplayProjection lists those that differ in {versionColumn}, and "
                    + $"\"stored in vain\" in docs/troubleshooting.md says how to mend them.");
        }
    }
}
