using System.Text;
using ProjectionReplay.Events;
using StackExchange.Redis;

namespace ProjectionReplay.Coordination;

/// <summary>
/// What a live handler asks before it folds an event, so that a replay of the same projection can work beside it.
/// Costs one HGET, whether a replay is going on or not. Safe for concurrent use.
/// </summary>
/// <remarks>
/// The handler's part of the contract:
/// <list type="bullet">
/// <item>the event is visible in <c>event_log</c> before its job is staged;</item>
/// <item>one job of an aggregate is at work at a time, and its id stands in the group's <c>:active</c> key until the
/// event is folded and stored, or the job is staged again;</item>
/// <item>it asks after <c>:active</c> was set, and acts on the answer at once;</item>
/// <item>a deferred job is staged again, under a new id or with a later score, so that one can see that it was tried.</item>
/// </list>
/// </remarks>
/// <example>
/// <code>
/// switch (await gate.DecideAsync(aggregate, eventId))
/// {
///     case LiveReplayDecision.Process: await FoldAndStoreAsync(liveEvent); break;
///     case LiveReplayDecision.Skip: break;
///     case LiveReplayDecision.Defer: await StageAgainAsync(job, backoff); break;
/// }
/// </code>
/// </example>
/// <param name="database">The Redis database that replays coordinate through.</param>
/// <param name="projection">The name of the projection that the handler folds.</param>
public sealed class LiveReplayGate(IDatabase database, string projection)
{
    private readonly RedisKey _cutoffKey = ReplayMarkers.CutoffPrefix + projection;

    /// <summary>Says what to do with an event.</summary>
    /// <param name="aggregate">The event's aggregate.</param>
    /// <param name="eventId">The event's id.</param>
    /// <exception cref="RedisException">Redis is out of reach: defer the event.</exception>
    public async Task<LiveReplayDecision> DecideAsync(AggregateKey aggregate, string eventId) =>
        Decide(await database.HashGetAsync(_cutoffKey, aggregate.ToString()).ConfigureAwait(false), eventId);

    /// <summary>The rule itself: ids are compared by their bytes, as ClickHouse compares them.</summary>
    internal static LiveReplayDecision Decide(RedisValue marker, string eventId)
    {
        if (marker.IsNull) return LiveReplayDecision.Process;
        if (marker == ReplayMarkers.Pending) return LiveReplayDecision.Defer;
        return Encoding.UTF8.GetBytes(eventId).AsSpan().SequenceCompareTo((byte[])marker!) <= 0
            ? LiveReplayDecision.Skip
            : LiveReplayDecision.Defer;
    }
}

/// <summary>What a live handler is to do with an event.</summary>
public enum LiveReplayDecision
{
    /// <summary>Fold it: no replay is at work on its aggregate.</summary>
    Process,

    /// <summary>Leave it: the replay folds it.</summary>
    Skip,

    /// <summary>Stage it again and try later: the replay is at work on its aggregate, and does not fold it.</summary>
    Defer,
}
