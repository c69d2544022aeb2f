using System.Text;
using System.Text.Unicode;
using ProjectionReplay.ClickHouse;
using static ProjectionReplay.Events.EventLogSql;

namespace ProjectionReplay.Events;

/// <summary>
/// Which aggregates the event log has, and how many rows of each: visited one by one in key order, so that none has to be held.
/// Nothing here is made again by itself, as a visitor would hear of an aggregate twice. Safe for concurrent use.
/// </summary>
internal sealed class EventLogAggregates(ClickHouseDatabase database)
{
    /// <summary>More rows than any aggregate has; the bytes of text are more, read as a number.</summary>
    private const ulong MostRows = 1UL << 48;

    /// <summary>
    /// Visits the aggregates with an event since the selection's moment, in key order, with all the rows that each
    /// has. One pass over the narrow columns; holds nothing in memory.
    /// </summary>
    public Task DiscoverAsync(EventSelection selection, AggregateVisitor visit, CancellationToken cancellationToken) =>
        VisitAsync(
            Selected(selection),
            [.. Bind(selection), new("since", "UInt64", Milliseconds(selection.Since))],
            selection.AggregateTypes is [var only] ? only : null,
            visit,
            cancellationToken);

    /// <summary>Visits those aggregates of a range.</summary>
    public Task DiscoverAsync(
        EventSelection selection, AggregateRange range, AggregateVisitor visit, CancellationToken cancellationToken) =>
        VisitAsync(InRange(selection), [.. Bind(selection, range)], range.AggregateType, visit, cancellationToken);

    /// <summary>Visits each aggregate of a range that has any row, in key order.</summary>
    public Task CountRowsAsync(
        EventSelection selection, AggregateRange range, AggregateVisitor visit, CancellationToken cancellationToken) =>
        ReadAggregatesAsync(
            $"""
            SELECT AggregateId, count()
            FROM event_log
            WHERE {Wanted(selection)}
            GROUP BY AggregateId
            ORDER BY AggregateId
            """,
            [.. Bind(selection, range)],
            range.AggregateType,
            visit,
            cancellationToken);

    /// <summary>Visits those aggregates of a range that have got rows since, in key order, with how many.</summary>
    /// <param name="selection">Whose events, and which types.</param>
    /// <param name="range">The aggregates.</param>
    /// <param name="age">How old a row is at the most to have come since, by the server's clock.</param>
    /// <param name="visit">Told of each.</param>
    /// <param name="cancellationToken">Abandons the query.</param>
    public Task FindRenewedAsync(
        EventSelection selection, AggregateRange range, TimeSpan age, AggregateVisitor visit, CancellationToken cancellationToken) =>
        ReadAggregatesAsync(
            $$"""
            SELECT AggregateId, count()
            FROM event_log
            WHERE {{Wanted(selection)}} AND CreatedAt > now64(3) - toIntervalMillisecond({age:UInt32})
            GROUP BY AggregateId
            ORDER BY AggregateId
            """,
            [.. Bind(selection, range), new("age", "UInt32", (uint)Math.Min(age.TotalMilliseconds, uint.MaxValue))],
            range.AggregateType,
            visit,
            cancellationToken);

    /// <summary>
    /// Visits aggregates in key order. Where all are of one type, that needs not come with each, which costs the server a
    /// sixth of the time.
    /// </summary>
    private Task VisitAsync(
        string where,
        IReadOnlyList<ClickHouseParameter> parameters,
        string? aggregateType,
        AggregateVisitor visit,
        CancellationToken cancellationToken)
    {
        var keys = aggregateType is null ? "AggregateType, AggregateId" : "AggregateId";
        return ReadAggregatesAsync(
            $$"""
            SELECT {{keys}}, count()
            FROM event_log
            WHERE {{where}}
            GROUP BY {{keys}}
            HAVING max(EventTimestamp) >= {since:UInt64}
            ORDER BY {{keys}}
            """,
            parameters,
            aggregateType,
            visit,
            cancellationToken);
    }

    /// <param name="sql">Selects type, id and count; or id and count, where the type is known.</param>
    /// <param name="parameters">What is bound.</param>
    /// <param name="knownType">The type of all, or null.</param>
    /// <param name="visit">Told of each.</param>
    /// <param name="cancellationToken">Abandons the query.</param>
    private async Task ReadAggregatesAsync(
        string sql,
        IReadOnlyList<ClickHouseParameter> parameters,
        string? knownType,
        AggregateVisitor visit,
        CancellationToken cancellationToken)
    {
        var (aggregateType, aggregateTypeUtf8, lastId) = (knownType ?? "", Array.Empty<byte>(), new GrowingBytes());
        var isFirst = true;
        var query = new ClickHouseQuery(sql, parameters) { Hints = $"optimize_aggregation_in_order = 1, {NoSkipIndexes}" };
        var reader = await database.QueryAsync(query, cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            while (await reader.FillAsync(cancellationToken).ConfigureAwait(false)) ReadAll(reader);
        }

        void ReadAll(RowBinaryReader rows)
        {
            while (true)
            {
                var cursor = new RowBinaryCursor(rows.Buffered);
                ReadOnlySpan<byte> type = default;
                if ((knownType is null && !cursor.TryReadString(out type))
                    || !cursor.TryReadString(out var id)
                    || !cursor.TryReadUInt64(out var count))
                {
                    return;
                }

                // An error's words, taken for a row, have no such count; and nothing else comes out of order.
                var order = isFirst ? 1 : knownType is null ? type.SequenceCompareTo(aggregateTypeUtf8) : 0;
                if (order == 0) order = id.SequenceCompareTo(lastId.Span);
                if (order <= 0 || count - 1 >= MostRows)
                {
                    throw new AnswerIncompleteException("ClickHouse broke off its answer, or sent aggregates out of order.");
                }

                isFirst = false;
                lastId.Set(id);

                // A type comes many times in a row: one string serves them all.
                if (knownType is null && !type.SequenceEqual(aggregateTypeUtf8))
                {
                    aggregateType = Utf8.IsValid(type) ? Encoding.UTF8.GetString(type) : throw EventLogText.NotText("AggregateType", type);
                    aggregateTypeUtf8 = type.ToArray();
                }
                if (!Utf8.IsValid(id)) throw EventLogText.NotText("AggregateId", id);
                visit(aggregateType, id, (long)count);
                rows.Advance(cursor.Position);
            }
        }
    }
}
