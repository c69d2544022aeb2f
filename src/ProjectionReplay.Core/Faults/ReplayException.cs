namespace ProjectionReplay.Faults;

/// <summary>
/// Why a replay could not be started or had to stop, in words for the operator: what happened and what to do next.
/// Never holds a password.
/// </summary>
public sealed class ReplayException : Exception
{
    /// <summary>Creates the exception. Names of others in the message cannot steer a terminal.</summary>
    public ReplayException(ReplayError error, string message, Exception? innerException = null)
        : base(SafeText.Show(message), innerException) => Error = error;

    /// <summary>The kind of failure: a stable name that scripts may rely on.</summary>
    public ReplayError Error { get; }
}

/// <summary>The kinds of failure. Their names are the error ids that scripts see, and never change.</summary>
public enum ReplayError
{
    /// <summary>No URL for a server was given as parameter, environment variable or in <c>.env</c>.</summary>
    ConnectionUrlMissing,

    /// <summary>A connection URL cannot be read.</summary>
    ConnectionUrlInvalid,

    /// <summary>No projection has the name.</summary>
    ProjectionNotFound,

    /// <summary>An assembly with projections could not be loaded, or two projections share a name.</summary>
    ProjectionAssemblyInvalid,

    /// <summary>The file of model prices cannot be read.</summary>
    ModelPricesInvalid,

    /// <summary>An option is out of range.</summary>
    OptionInvalid,

    /// <summary>The start date lies in the future.</summary>
    SinceInFuture,

    /// <summary>ClickHouse is out of reach, or refused a query.</summary>
    ClickHouseUnavailable,

    /// <summary>Redis is out of reach, or refused a command.</summary>
    RedisUnavailable,

    /// <summary>Postgres is out of reach, or refused a statement.</summary>
    PostgresUnavailable,

    /// <summary>A table, or a column of it, is not there, or is not such that a replay can use it.</summary>
    TableMissing,

    /// <summary>An earlier run left off half way, and neither resume nor restart was asked for.</summary>
    PreviousRunFound,

    /// <summary>The projection's rows cannot be rebuilt, or not from the given date.</summary>
    RebuildNotPossible,

    /// <summary>A rebuild was interrupted: the counters hold only a part until it is run again.</summary>
    RebuildInterrupted,

    /// <summary>Another run holds the lock.</summary>
    ReplayLocked,

    /// <summary>Markers are not removed while the run that set them is at work.</summary>
    ReplayInProgress,

    /// <summary>Jobs in flight did not end in time.</summary>
    DrainTimeout,

    /// <summary>A payload could not be folded.</summary>
    InvalidEventPayload,

    /// <summary>A row of the event log is called something that is not text.</summary>
    EventLogInvalid,

    /// <summary>A state does not fit its table.</summary>
    StateNotStorable,

    /// <summary>The stored rows cannot be compared with the events, or not with those that were selected.</summary>
    ComparisonNotPossible,

    /// <summary>The replay log could not be created.</summary>
    LogUnavailable,

    /// <summary>Anything else: a fault of this tool.</summary>
    ReplayFailed,

    /// <summary>ClickHouse, or something on the way, answered with less than there is, and without an error.</summary>
    AnswerIncomplete,

    /// <summary>The user's settings profile makes answers that cannot be relied on, and does not let that be changed.</summary>
    SettingLocked,

    /// <summary>Markers were gone while a replay was at work, so that live handlers may have folded beside it.</summary>
    MarkersLost,

    /// <summary>A phase took too long while aggregates were marked: a server does not answer.</summary>
    PhaseTooSlow,

    /// <summary>The tenant's counters hold more than replays have added, so that a replay would count some events twice.</summary>
    CountersUnexplained,

    /// <summary>Rows that earlier replays had stored are gone, so that going on would leave them out.</summary>
    RowsMissing,

    /// <summary>The replica of ClickHouse that answers lacks events that others have.</summary>
    ReplicaBehind,
}
