using System.Buffers;
using System.Globalization;
using System.Text;
using ProjectionReplay.Faults;

namespace ProjectionReplay.Planning;

/// <summary>What the tenant, the start date and the aggregates of a request must keep to, whatever is done with them.</summary>
internal static class RequestRules
{
    private const int MostAggregates = 1_000;

    /// <summary>They are sent with each query, and ClickHouse takes 128 KB of a parameter, escaped.</summary>
    private const int MostAggregateBytes = 64 * 1024;

    private const int MostNamed = 10;

    /// <summary>Checks a tenant's id.</summary>
    /// <exception cref="ReplayException"><see cref="ReplayError.OptionInvalid"/>.</exception>
    public static void CheckTenant(string tenantId)
    {
        if (string.IsNullOrEmpty(tenantId))
        {
            throw new ReplayException(ReplayError.OptionInvalid, "The tenant id is empty. Name the tenant whose events are meant.");
        }

        if (IsImpossible(tenantId))
        {
            throw new ReplayException(
                ReplayError.OptionInvalid,
                "The tenant id holds a NUL character or half a surrogate pair, which no tenant can be called. "
                    + "Give the id as the event log has it.");
        }
    }

    /// <summary>Checks a start date.</summary>
    /// <exception cref="ReplayException"><see cref="ReplayError.SinceInFuture"/>.</exception>
    public static void CheckSince(DateTimeOffset since, DateTimeOffset now)
    {
        if (since <= now) return;
        throw new ReplayException(
            ReplayError.SinceInFuture,
            string.Create(
                CultureInfo.InvariantCulture,
                $"The start date {since.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC lies in the future "
                    + $"(it is {now.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC). Give a date in the past."));
    }

    /// <summary>Checks the ids of chosen aggregates.</summary>
    /// <exception cref="ReplayException"><see cref="ReplayError.OptionInvalid"/>.</exception>
    public static void CheckAggregates(IReadOnlyList<string>? aggregateIds)
    {
        if (aggregateIds is null) return;
        if (aggregateIds.Count == 0 || aggregateIds.Any(string.IsNullOrEmpty))
        {
            throw new ReplayException(
                ReplayError.OptionInvalid,
                "An aggregate id is empty. Give the ids as the event log has them, or leave -AggregateId out for all aggregates.");
        }

        if (aggregateIds.FirstOrDefault(IsImpossible) is { } impossible)
        {
            throw new ReplayException(
                ReplayError.OptionInvalid,
                $"The aggregate id '{impossible.Replace("\0", "\\0", StringComparison.Ordinal)}' "
                    + "holds a NUL character or half a surrogate pair, which cannot be looked for. Give the id as the event log has it.");
        }

        if (aggregateIds.Count <= MostAggregates && aggregateIds.Sum(Encoding.UTF8.GetByteCount) <= MostAggregateBytes) return;
        throw new ReplayException(
            ReplayError.OptionInvalid,
            string.Create(
                CultureInfo.InvariantCulture,
                $"{aggregateIds.Count:N0} aggregate ids are too many: no more than {MostAggregates:N0} fit into one query, "
                    + $"of no more than {MostAggregateBytes / 1024} KB together. "
                    + $"Give fewer at a time, or leave -AggregateId out for all aggregates."));
    }

    /// <summary>Says which of the chosen aggregates were not found, or null when all were.</summary>
    /// <param name="aggregateIds">The ids that were chosen, if any.</param>
    /// <param name="found">The ids that were found.</param>
    /// <param name="since">Since when an event was looked for; null for any event.</param>
    public static string? DescribeMissing(IReadOnlyList<string>? aggregateIds, HashSet<string> found, DateTimeOffset? since)
    {
        var missing = (aggregateIds ?? []).Distinct(StringComparer.Ordinal).Where(id => !found.Contains(id)).ToList();
        if (missing.Count == 0) return null;
        var named = string.Join(", ", missing.Take(MostNamed).Select(id => $"'{id}'"));
        var more = missing.Count > MostNamed
            ? string.Create(CultureInfo.InvariantCulture, $" and {missing.Count - MostNamed:N0} more")
            : "";
        var when = since is { } start
            ? string.Create(CultureInfo.InvariantCulture, $" since {start.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC")
            : "";
        return $"No event of the projection's types{when} was found for aggregate {named}{more}: nothing is done there.";
    }

    private static bool IsImpossible(string id) => id.Contains('\0', StringComparison.Ordinal) || !IsWellFormed(id);

    /// <summary>Half a surrogate pair would be sent as U+FFFD, and so name another.</summary>
    private static bool IsWellFormed(string text)
    {
        for (var rest = text.AsSpan(); !rest.IsEmpty;)
        {
            if (Rune.DecodeFromUtf16(rest, out _, out var length) != OperationStatus.Done) return false;
            rest = rest[length..];
        }

        return true;
    }
}
