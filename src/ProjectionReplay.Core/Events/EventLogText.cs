using ProjectionReplay.Faults;

namespace ProjectionReplay.Events;

/// <summary>What in the event log has to be text.</summary>
internal static class EventLogText
{
    /// <summary>Says that a column holds bytes that are no text, so that it cannot be named to anybody.</summary>
    public static ReplayException NotText(string column, ReadOnlySpan<byte> bytes) => new(
        ReplayError.EventLogInvalid,
        $"The event log has a row whose {column} is not UTF-8 text: "
            + $"its bytes are {Convert.ToHexString(bytes[..Math.Min(bytes.Length, 200)])}. "
            + $"Correct or remove the rows where hex({column}) is that, then replay again.");
}
