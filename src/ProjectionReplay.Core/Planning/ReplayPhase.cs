namespace ProjectionReplay.Planning;

/// <summary>The phases of a batch, in order.</summary>
public enum ReplayPhase
{
    /// <summary>Events are read and folded as they arrive.</summary>
    Load = 1,

    /// <summary>Markers are set: live handlers hold back events of the batch's aggregates.</summary>
    Mark = 2,

    /// <summary>Jobs in flight come to their end.</summary>
    Drain = 3,

    /// <summary>What has come in since the load is folded.</summary>
    CatchUp = 4,

    /// <summary>
    /// Where a live job is waiting, the last event folded of its aggregate becomes the boundary between replay and live
    /// handlers.
    /// </summary>
    Cutoff = 5,

    /// <summary>Those jobs meet the cutoff.</summary>
    Settle = 6,

    /// <summary>The states are written.</summary>
    Store = 7,

    /// <summary>Events that came in late are folded, and markers are removed: live handlers go on.</summary>
    Unmark = 8,
}
