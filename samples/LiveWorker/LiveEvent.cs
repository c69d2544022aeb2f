using ProjectionReplay.Events;

namespace LiveWorker;

/// <summary>What a job says about its event: enough to ask the gate. A real one would bring the payload along.</summary>
/// <param name="TenantId">The tenant.</param>
/// <param name="AggregateType">The aggregate's type.</param>
/// <param name="AggregateId">The aggregate's id within tenant and type.</param>
/// <param name="EventId">The event's id.</param>
public sealed record LiveEvent(string TenantId, string AggregateType, string AggregateId, string EventId)
{
    /// <summary>The aggregate, whose key string names the group and the marker.</summary>
    internal AggregateKey Aggregate => new(TenantId, AggregateType, AggregateId);
}

/// <summary>A job that this worker has in hand.</summary>
/// <param name="Group">The group's key, without what comes behind it in the names of its parts.</param>
/// <param name="Order">The job's place in its group.</param>
/// <param name="Attempt">How often it was deferred.</param>
/// <param name="Event">Its event.</param>
public sealed record LiveJob(string Group, long Order, int Attempt, LiveEvent Event)
{
    /// <summary>The id: another one after each deferral, so that a replay can see that the job was tried.</summary>
    internal string Id => FormattableString.Invariant($"{Order}.{Attempt}");
}
