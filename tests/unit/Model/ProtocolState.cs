using System.Runtime.InteropServices;

namespace ProjectionReplay.Model;

/// <summary>Where a live event is on its way from the log through the queue.</summary>
internal enum EventStage
{
    Unborn,
    Appended,
    Staged,
    Dispatched,
    Processing,
    Skipping,
    Deferring,
    Done,
}

/// <summary>What the replayer does next.</summary>
internal enum ReplayStep
{
    MarkAll,
    DrainAll,
    ReadBaseline,
    LookForNew,
    TakeAway,
    Load,
    Mark,
    FindJobs,
    Drain,
    CatchUp,
    FindJobsAgain,
    SetCutoff,
    DrainAgain,
    WatchJobs,
    MeetJobs,
    Store,
    TakeBack,
    Look,
    LoadAgain,
    Unmark,
    RemoveStale,
    Done,
}

/// <summary>
/// One aggregate, at most <see cref="Events"/> events, one live worker and one replayer, at one moment. Sets of events
/// are bit masks. Small and comparable, so that every state that can be reached can be remembered.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct ProtocolState
{
    public const int Events = 4;

    /// <summary>The marker when it is not a cutoff: no id is that great.</summary>
    public const int NoMarker = -1;

    public const int Pending = -2;

    private uint Stages { get; init; }

    private uint Counts { get; init; }

    /// <summary>Staged jobs in queue order, four bits each, the head lowest; 15 ends it.</summary>
    public uint Queue { get; init; }

    /// <summary><see cref="NoMarker"/>, <see cref="Pending"/> or the rank of the cutoff's id.</summary>
    public int Marker { get; init; }

    public ReplayStep Step { get; init; }

    /// <summary>The job that was at work when the aggregate was marked, or -1.</summary>
    public int DrainOn { get; init; }

    public int Loaded { get; init; }

    /// <summary>Whether a job was found when the aggregate was marked.</summary>
    public bool HasJobs { get; init; }

    /// <summary>Whether a job may have been staged after it was marked, for an event that was loaded.</summary>
    public bool IsFresh { get; init; }

    /// <summary>Jobs that have to meet the cutoff.</summary>
    public int Watched { get; init; }

    /// <summary>Jobs that were put off since they are watched.</summary>
    public int PutOff { get; init; }

    /// <summary>What the replayer has stored.</summary>
    public int Contributed { get; init; }

    /// <summary>Whether the load has to be repeated because of late events.</summary>
    public bool IsStored { get; init; }

    /// <summary>What the counters held when they were read, before a rebuild takes that away.</summary>
    public uint Baseline { get; init; }

    /// <summary>Whether the aggregate was ever marked.</summary>
    public bool WasMarked { get; init; }

    /// <summary>What a live worker that folds had read before: it writes that, and its event.</summary>
    public uint LiveRead { get; init; }

    public int CrashesLeft { get; init; }

    public static ProtocolState Initial(ReplayStep first, int crashes) =>
        new() { Step = first, Queue = uint.MaxValue, Marker = NoMarker, DrainOn = -1, CrashesLeft = crashes };

    public uint Stored => Counts;

    public EventStage Stage(int liveEvent) => (EventStage)((Stages >> (4 * liveEvent)) & 15);

    /// <summary>How often an event is in the stored state.</summary>
    public int Count(int liveEvent) => (int)((Counts >> (4 * liveEvent)) & 15);

    public ProtocolState With(int liveEvent, EventStage stage) =>
        this with { Stages = (Stages & ~(15u << (4 * liveEvent))) | ((uint)stage << (4 * liveEvent)) };

    public ProtocolState WithStored(uint counts) => this with { Counts = counts };

    public ProtocolState Counted(int liveEvent, int by) => this with { Counts = Add(Counts, liveEvent, by) };

    public static uint Add(uint counts, int liveEvent, int by) => (uint)(counts + ((long)by << (4 * liveEvent)));

    /// <summary>The events at a stage or beyond, up to another.</summary>
    public int Where(EventStage first, EventStage last)
    {
        var mask = 0;
        for (var i = 0; i < Events; i++)
        {
            if (Stage(i) >= first && Stage(i) <= last) mask |= 1 << i;
        }

        return mask;
    }

    /// <summary>The event whose job is at work, or -1.</summary>
    public int Active
    {
        get
        {
            for (var i = 0; i < Events; i++)
            {
                if (Stage(i) is EventStage.Dispatched or EventStage.Processing or EventStage.Skipping or EventStage.Deferring) return i;
            }

            return -1;
        }
    }

    public int Head => (Queue & 15) == 15 ? -1 : (int)(Queue & 15);

    /// <summary>Puts a job behind those that are staged.</summary>
    public ProtocolState Enqueued(int liveEvent)
    {
        var end = 0;
        while (((Queue >> (4 * end)) & 15) != 15) end++;
        return this with { Queue = (Queue & ~(15u << (4 * end))) | ((uint)liveEvent << (4 * end)) };
    }

    /// <summary>Puts a job before those that are staged.</summary>
    public ProtocolState PushedFront(int liveEvent) => this with { Queue = (Queue << 4) | (uint)liveEvent };

    public ProtocolState Dequeued() => this with { Queue = (Queue >> 4) | (15u << 28) };

    /// <summary>The place of a staged job, or -1.</summary>
    public int Place(int liveEvent)
    {
        for (var place = 0; place < 8; place++)
        {
            if (((Queue >> (4 * place)) & 15) == (uint)liveEvent) return place;
        }

        return -1;
    }
}
