using System.Globalization;
using ProjectionReplay.Coordination;

namespace ProjectionReplay.Model;

/// <summary>
/// The marker protocol between one replayer and one live worker on one aggregate, step by step: whatever can happen
/// next from a state. The gate's decision is the product's own; the replayer's steps are those of the replay cycle.
/// </summary>
/// <param name="ranks">The rank of each event's id, by the order in which the events are appended. Ranks that fall are late events.</param>
/// <param name="isCounter">Whether increments are rebuilt, not rows overwritten.</param>
/// <param name="keepsPlace">
/// Whether a job that is put off keeps its place in the queue; jobs are then staged in the order of their events. Else it
/// goes behind the others.
/// </param>
internal sealed class ProtocolModel(int[] ranks, bool isCounter, bool keepsPlace)
{
    /// <summary>A rule that is left out, to see that the model notices.</summary>
    public string? Without { get; init; }

    /// <summary>
    /// Whether counters are added to and not rebuilt, with the ledger that says what was added. What live workers count before
    /// the aggregate is marked is counted twice then: so here they begin when it is.
    /// </summary>
    public bool IsPlain { get; init; }

    /// <summary>Whether the aggregate has no past: it is born while the counters are being emptied, or never.</summary>
    public bool IsBornLate { get; init; }

    private int FirstLive => IsBornLate ? 0 : 1;

    /// <summary>Three live events in any case.</summary>
    private int End => FirstLive + ProtocolState.Events - 1;

    /// <summary>
    /// The first event is history, unless the aggregate is born late: it has stood in the log from the start, and no live worker
    /// ever saw it.
    /// </summary>
    public ProtocolState Start(int crashes)
    {
        var start = ProtocolState.Initial(isCounter && !IsPlain ? ReplayStep.MarkAll : ReplayStep.Load, crashes);
        return IsBornLate ? start : start.With(0, EventStage.Done);
    }

    /// <summary>Everything that may happen next.</summary>
    public IEnumerable<(string What, ProtocolState Next)> Next(ProtocolState state)
    {
        foreach (var live in Live(state)) yield return live;
        foreach (var replay in Replay(state)) yield return replay;
        if (state.CrashesLeft > 0
            && state.Marker != ProtocolState.NoMarker
            && state.Step is not (ReplayStep.MarkAll or ReplayStep.RemoveStale)
            && (!IsPlain || state.Contributed != 0))
        {
            // A counter that was half rebuilt is rebuilt again, over the old markers.
            yield return ("crash", state with
            {
                Step = isCounter && !IsPlain ? ReplayStep.MarkAll : ReplayStep.RemoveStale,
                CrashesLeft = state.CrashesLeft - 1,
                DrainOn = -1,
                Loaded = 0,
                HasJobs = false,
                IsFresh = false,
                Watched = 0,
                PutOff = 0,
                IsStored = false,

                // The ledger outlives the run.
                Contributed = IsPlain ? state.Contributed : 0,
                Baseline = 0,
            });
        }
    }

    /// <summary>What is wrong with a state in which nothing can happen any more, or null.</summary>
    public string? Judge(ProtocolState state)
    {
        if (state.Step != ReplayStep.Done) return $"the replayer is stuck at {state.Step}";
        for (var i = 0; i < End; i++)
        {
            if (state.Stage(i) != EventStage.Done)
            {
                return string.Create(CultureInfo.InvariantCulture, $"event {i} is stuck at {state.Stage(i)}");
            }

            if (state.Count(i) != 1) return string.Create(CultureInfo.InvariantCulture, $"event {i} is folded {state.Count(i)} times");
        }

        return state.Marker == ProtocolState.NoMarker ? null : "a marker is left";
    }

    private IEnumerable<(string What, ProtocolState Next)> Live(ProtocolState state)
    {
        for (var i = FirstLive; i < End; i++)
        {
            var stage = state.Stage(i);

            // Events are appended in the order of their numbers; their ids may tell another.
            if (stage == EventStage.Unborn && (i == 0 || state.Stage(i - 1) != EventStage.Unborn) && (!IsPlain || state.WasMarked))
            {
                yield return (Says("append", i), state.With(i, EventStage.Appended));
            }

            if (stage == EventStage.Appended && (!keepsPlace || i == 0 || state.Stage(i - 1) != EventStage.Appended))
            {
                yield return (Says("stage", i), state.With(i, EventStage.Staged).Enqueued(i));
            }
        }

        if (state.Active < 0 && state.Head >= 0)
        {
            yield return (Says("dispatch", state.Head), state.With(state.Head, EventStage.Dispatched).Dequeued());
        }

        if (state.Active < 0) yield break;

        var active = state.Active;
        switch (state.Stage(active))
        {
            case EventStage.Dispatched:
                yield return (Says("ask for", active), Ask(state, active));
                break;
            case EventStage.Processing:
                var folded = isCounter ? state.Counted(active, 1) : state.WithStored(ProtocolState.Add(state.LiveRead, active, 1));
                yield return (Says("fold", active), Ended(folded with { LiveRead = 0 }, active));
                break;
            case EventStage.Skipping:
                yield return (Says("skip", active), Ended(state, active));
                break;
            default:
                var putOff = Tried(state.With(active, EventStage.Staged), active) with { PutOff = state.PutOff | (1 << active) };
                yield return (Says("put off", active), keepsPlace ? putOff.PushedFront(active) : putOff.Enqueued(active));
                break;
        }
    }

    private ProtocolState Ask(ProtocolState state, int active) => LiveReplayGate.Decide(
        state.Marker switch
        {
            ProtocolState.NoMarker => StackExchange.Redis.RedisValue.Null,
            ProtocolState.Pending => ReplayMarkers.Pending,
            var rank => Id(rank),
        },
        Id(ranks[active])) switch
    {
        LiveReplayDecision.Process => state.With(active, EventStage.Processing) with { LiveRead = state.Stored },
        LiveReplayDecision.Skip => state.With(active, EventStage.Skipping),
        _ => state.With(active, EventStage.Deferring),
    };

    private static string Id(int rank) => rank.ToString("D13", CultureInfo.InvariantCulture);

    private static ProtocolState Ended(ProtocolState state, int liveEvent) => Tried(state.With(liveEvent, EventStage.Done), liveEvent);

    private static ProtocolState Tried(ProtocolState state, int liveEvent) => state with
    {
        Watched = state.Watched & ~(1 << liveEvent),
        DrainOn = state.DrainOn == liveEvent ? -1 : state.DrainOn,
    };

    private IEnumerable<(string What, ProtocolState Next)> Replay(ProtocolState state)
    {
        var inLog = state.Where(EventStage.Appended, EventStage.Done);
        switch (state.Step)
        {
            // What is in the ledger, and marked still, may lack events that were skipped.
            case ReplayStep.RemoveStale when state.Contributed != 0 && Without != "unreleased counts":
                yield return ("take back stale marker", state with { Marker = ProtocolState.Pending, Step = ReplayStep.Load });
                break;
            case ReplayStep.RemoveStale:
                yield return ("remove stale marker", state with
                {
                    Marker = ProtocolState.NoMarker,
                    Step = state.Contributed != 0 ? ReplayStep.Done : ReplayStep.Load,
                });
                break;
            // A rebuild marks everything before it reads anything: all that is born by then.
            case ReplayStep.MarkAll when inLog == 0 && state.Marker == ProtocolState.NoMarker:
                yield return ("mark nothing", state with { Step = ReplayStep.ReadBaseline });
                break;
            case ReplayStep.MarkAll:
                yield return ("mark all", state with
                {
                    Marker = ProtocolState.Pending,
                    DrainOn = state.Active,
                    Step = ReplayStep.DrainAll,
                });
                break;
            case ReplayStep.DrainAll when state.DrainOn < 0 || Without == "drain":
                yield return ("drained all", state with { DrainOn = -1, Step = ReplayStep.ReadBaseline });
                break;
            case ReplayStep.ReadBaseline:
                yield return ("read baseline", state with { Baseline = state.Stored, Step = ReplayStep.LookForNew });
                break;
            case ReplayStep.LookForNew:
                var isNew = inLog != 0 && state.Marker == ProtocolState.NoMarker && Without != "look for new";
                yield return isNew
                    ? ("find it new", state with { Baseline = 0, Step = ReplayStep.MarkAll })
                    : ("find nothing new", state with { Step = ReplayStep.TakeAway });
                break;

            // What is not marked is the live workers', from its first event on.
            case ReplayStep.TakeAway:
                var taken = Without == "baseline" ? state.Stored : state.Baseline;
                yield return ("take away", state.WithStored(state.Stored - taken) with
                {
                    Baseline = 0,
                    Contributed = 0,
                    Step = state.Marker == ProtocolState.NoMarker ? ReplayStep.Done : ReplayStep.Load,
                });
                break;

            // What is not fresh has stood in the log for a while by now, and is staged. What is staged may be fresh.
            case ReplayStep.Load:
                var loaded = state with { Loaded = inLog, Step = ReplayStep.Mark };
                if (Without == "freshness" || !HasUnstaged(loaded)) yield return ("load", loaded);
                if (Without != "freshness") yield return ("load what is fresh", loaded with { IsFresh = true });
                break;
            case ReplayStep.Mark:
                yield return ("mark", state with { Marker = ProtocolState.Pending, WasMarked = IsPlain, Step = ReplayStep.FindJobs });
                break;
            case ReplayStep.FindJobs:
                yield return ("look for jobs", state with { HasJobs = HasJobs(state), DrainOn = state.Active, Step = ReplayStep.Drain });
                break;
            case ReplayStep.Drain when state.DrainOn < 0 || Without == "drain":
                yield return ("drained", state with { DrainOn = -1, Step = isCounter ? ReplayStep.FindJobsAgain : ReplayStep.CatchUp });
                break;
            case ReplayStep.CatchUp:
                yield return ("catch up", Without == "catch up" || inLog == state.Loaded
                    ? state with { Step = ReplayStep.FindJobsAgain }
                    : state with { Loaded = inLog, IsFresh = state.IsFresh || Without != "new jobs", Step = ReplayStep.FindJobsAgain });
                break;
            case ReplayStep.FindJobsAgain when !state.IsFresh && !state.HasJobs:
                yield return ("had no job", state with { Step = ReplayStep.Store });
                break;
            case ReplayStep.FindJobsAgain when !HasUnstaged(state) || Without == "grace":
                yield return HasJobs(state) && Without != "jobs"
                    ? ("find jobs", state with { Step = ReplayStep.SetCutoff })
                    : ("find no job", state with { Step = ReplayStep.Store });
                break;
            case ReplayStep.SetCutoff:
                var cutoff = Members(state.Loaded).Max(i => ranks[i]);
                yield return ("set cutoff", state with
                {
                    Marker = cutoff,
                    DrainOn = Without == "drain again" ? -1 : state.Active,
                    Step = ReplayStep.DrainAgain,
                });
                break;
            case ReplayStep.DrainAgain when state.DrainOn < 0:
                yield return ("drained again", state with { Step = ReplayStep.WatchJobs });
                break;
            case ReplayStep.WatchJobs when !HasUnstaged(state) || Without == "grace":
                yield return ("watch jobs", state with
                {
                    Watched = state.Where(EventStage.Staged, EventStage.Deferring),
                    PutOff = 0,
                    Step = ReplayStep.MeetJobs,
                });
                break;
            case ReplayStep.MeetJobs when Members(state.Watched).All(job => IsBehindPutOff(state, job)):
                yield return ("jobs met", state with { Watched = 0, PutOff = 0, Step = ReplayStep.Store });
                break;
            case ReplayStep.Store:
                yield return ("store", Store(state) with
                {
                    IsStored = true,
                    Step = Without == "late" || state.Marker == ProtocolState.Pending ? ReplayStep.Unmark : ReplayStep.TakeBack,
                });
                break;
            case ReplayStep.TakeBack:
                yield return ("take back cutoff", state with
                {
                    Marker = Without == "take back" ? state.Marker : ProtocolState.Pending,
                    Step = ReplayStep.Look,
                });
                break;
            case ReplayStep.Look:
                var isLate = Members(inLog & ~state.Loaded).Any(i => ranks[i] <= Members(state.Loaded).Max(j => ranks[j]));
                yield return isLate
                    ? ("find late events", state with { Step = ReplayStep.LoadAgain })
                    : ("find nothing late", state with { Step = ReplayStep.Unmark });
                break;
            case ReplayStep.LoadAgain:
                yield return ("load again", state with { Loaded = inLog, Step = ReplayStep.SetCutoff });
                break;
            case ReplayStep.Unmark:
                yield return ("unmark", state with
                {
                    Marker = ProtocolState.NoMarker,
                    Loaded = 0,
                    HasJobs = false,
                    IsFresh = false,
                    Step = ReplayStep.Done,
                });
                break;
            default:
                break;
        }
    }

    /// <summary>Whether the job of an event that was loaded is still to be staged.</summary>
    private static bool HasUnstaged(ProtocolState state) => (state.Loaded & state.Where(EventStage.Appended, EventStage.Appended)) != 0;

    private static bool HasJobs(ProtocolState state) => state.Where(EventStage.Staged, EventStage.Deferring) != 0;

    /// <summary>In a queue where jobs keep their places, one that was put off since holds up those behind it.</summary>
    private bool IsBehindPutOff(ProtocolState state, int job) =>
        keepsPlace
            && state.Place(job) is > 0 and var place
            && Members(state.PutOff).Any(other => state.Place(other) is >= 0 and var ahead && ahead < place);

    private ProtocolState Store(ProtocolState state)
    {
        if (!isCounter)
        {
            var counts = 0u;
            foreach (var i in Members(state.Loaded)) counts = ProtocolState.Add(counts, i, 1);
            return state.WithStored(counts);
        }

        foreach (var i in Members(state.Loaded & ~state.Contributed)) state = state.Counted(i, 1);
        return state with { Contributed = state.Loaded };
    }

    private static IEnumerable<int> Members(int mask)
    {
        for (var i = 0; i < ProtocolState.Events; i++)
        {
            if ((mask & (1 << i)) != 0) yield return i;
        }
    }

    private static string Says(string what, int liveEvent) => string.Create(CultureInfo.InvariantCulture, $"{what} {liveEvent}");
}
