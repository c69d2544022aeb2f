using System.Globalization;
using System.Text;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Events;

namespace ProjectionReplay.Folding;

/// <summary>
/// Proves that an answer with events is whole. Its rows come in key order and all bytes of them are checked on their way,
/// so that only the end can be missing: and for that the log is asked once more.
/// </summary>
/// <param name="eventLog">The event log.</param>
/// <param name="selection">Which events were asked for.</param>
/// <param name="stagingGrace">How long a row may be on its way into the log.</param>
/// <param name="timeProvider">The clock.</param>
internal sealed class AnswerProof(ClickHouseEventLog eventLog, EventSelection selection, TimeSpan stagingGrace, TimeProvider timeProvider)
{
    /// <summary>Proves that an answer had all rows that stood in the log when it was asked for.</summary>
    /// <param name="range">What was asked for and not left behind yet.</param>
    /// <param name="lastId">The last aggregate of the answer within the range, UTF-8; null when it had none.</param>
    /// <param name="lastRows">How many rows the answer had of that.</param>
    /// <param name="askedAt">When the query was sent, or a moment before, by the clock's timestamp.</param>
    /// <param name="cancellationToken">Abandons the work.</param>
    /// <returns>
    /// Whether the log has no more than that by now either. If not, there is more of the last seconds, which came in since or was
    /// lost: what lies in the range has to be counted.
    /// </returns>
    /// <exception cref="AnswerIncompleteException">There was more.</exception>
    public async Task<bool> ProveAsync(
        AggregateRange range, ReadOnlyMemory<byte>? lastId, long lastRows, long askedAt, CancellationToken cancellationToken)
    {
        var from = lastId is { } id ? range with { FirstId = Encoding.UTF8.GetString(id.Span) } : range;
        var age = timeProvider.GetElapsedTime(askedAt) + stagingGrace;
        var end = await eventLog.FindEndAsync(selection, from, age, cancellationToken).ConfigureAwait(false);
        if (lastId is null) end = new AnswerEnd(0, 0, end.AtLast + end.Behind, end.OldAtLast + end.OldBehind);
        if (end.AtLast <= lastRows && end.Behind == 0) return true;
        if (end.OldAtLast <= lastRows && end.OldBehind == 0) return false;
        throw AnswerIncompleteException.EndsEarly(string.Create(
            CultureInfo.InvariantCulture,
            $"it has {lastRows:N0} rows of its last aggregate and none behind it, "
                + $"the table {EventLogTable.Name} has {end.AtLast:N0} and {end.Behind:N0}"));
    }
}
