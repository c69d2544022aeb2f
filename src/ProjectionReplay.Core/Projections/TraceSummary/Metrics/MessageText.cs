using ProjectionReplay.Json;

namespace ProjectionReplay.Projections.TraceSummary.Metrics;

/// <summary>
/// Whether messages have any text in them. The text itself is of no use: the summary tells the messages as they are.
/// </summary>
internal static class MessageText
{
    /// <summary>Whether a value, or any message of a list, has text.</summary>
    public static bool SaysAnything(EcmaScriptValue value) => value.Kind switch
    {
        EcmaScriptKind.List => value.List.Exists(HasText),
        _ => HasText(value),
    };

    private static bool HasText(EcmaScriptValue message)
    {
        if (message.Kind == EcmaScriptKind.Text) return message.Text.Length > 0;
        if (message.Kind != EcmaScriptKind.Record) return false;
        if (message.Record.TryGet("content", out var content))
        {
            if (content.Kind == EcmaScriptKind.Text) return content.Text.Length > 0;
            if (content.Kind == EcmaScriptKind.List) return HasText(content.List);
        }

        return (message.Record.TryGet("text", out var text) && text.Kind == EcmaScriptKind.Text)
            ? text.Text.Length > 0
            : message.Record.TryGet("value", out var value) && value is { Kind: EcmaScriptKind.Text, Text.Length: > 0 };
    }

    /// <summary>Whether the parts of a message, with a line feed between each two, make any text.</summary>
    private static bool HasText(List<EcmaScriptValue> parts)
    {
        var count = 0;
        foreach (var part in parts)
        {
            if (TextOf(part) is not { } text) continue;
            count++;
            if (text.Length > 0 || count > 1) return true;
        }

        return false;
    }

    private static string? TextOf(EcmaScriptValue part)
    {
        if (part.Kind == EcmaScriptKind.Text) return part.Text;
        if (part.Kind != EcmaScriptKind.Record || !part.Record.TryGet("text", out var text) || text.Kind != EcmaScriptKind.Text)
        {
            return null;
        }

        return !part.Record.TryGet("type", out var type) || type is { Kind: EcmaScriptKind.Text, Text: "text" } ? text.Text : null;
    }
}
