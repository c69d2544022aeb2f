using System.Management.Automation;
using ProjectionReplay.Faults;

namespace ProjectionReplay.PowerShell;

/// <summary>Turns the engine's failures into PowerShell's: a stable id, a category, and the sentence for the operator.</summary>
internal static class ReplayErrors
{
    /// <summary>Describes a failure.</summary>
    /// <param name="exception">The failure.</param>
    /// <param name="target">What was being worked on, such as the projection's name.</param>
    public static ErrorRecord ToRecord(ReplayException exception, object? target) =>
        new(exception, exception.Error.ToString(), Categorize(exception.Error), target);

    /// <summary>What the engine did not foresee is a fault of this tool, and is called so.</summary>
    public static ReplayException Unforeseen(Exception exception) => new(
        ReplayError.ReplayFailed,
        Strings.ReplayFailed.With(exception.GetType().Name, exception.Message),
        exception);

    private static ErrorCategory Categorize(ReplayError error) => error switch
    {
        ReplayError.ConnectionUrlMissing or ReplayError.ConnectionUrlInvalid or ReplayError.OptionInvalid or ReplayError.SinceInFuture
            => ErrorCategory.InvalidArgument,
        ReplayError.ProjectionNotFound or ReplayError.TableMissing => ErrorCategory.ObjectNotFound,
        ReplayError.ClickHouseUnavailable or ReplayError.RedisUnavailable or ReplayError.PostgresUnavailable
            => ErrorCategory.ConnectionError,
        ReplayError.AnswerIncomplete or ReplayError.SettingLocked => ErrorCategory.ReadError,
        ReplayError.InvalidEventPayload
            or ReplayError.EventLogInvalid
            or ReplayError.StateNotStorable
            or ReplayError.ProjectionAssemblyInvalid
            or ReplayError.ModelPricesInvalid
            => ErrorCategory.InvalidData,
        ReplayError.PreviousRunFound or ReplayError.RebuildInterrupted => ErrorCategory.ResourceExists,
        ReplayError.RebuildNotPossible or ReplayError.ComparisonNotPossible => ErrorCategory.InvalidOperation,
        ReplayError.ReplayLocked or ReplayError.ReplayInProgress => ErrorCategory.ResourceBusy,
        ReplayError.DrainTimeout or ReplayError.ReplicaBehind => ErrorCategory.OperationTimeout,
        ReplayError.LogUnavailable => ErrorCategory.OpenError,
        _ => ErrorCategory.NotSpecified,
    };
}
