using ProjectionReplay.Json;

namespace ProjectionReplay.Projections.TraceSummary.Decoding;

/// <summary>OTLP's attribute lists, decoded into one record.</summary>
internal static class OtlpAttributes
{
    /// <summary>Decodes a whole list, and puts indexed attributes together again.</summary>
    /// <param name="list">The attributes, or null for none.</param>
    /// <param name="path">Where the list stands.</param>
    /// <exception cref="MalformedSpanException">It is not a list of attributes.</exception>
    public static EcmaScriptRecord Decode(EcmaScriptValue list, JsonPath path)
    {
        var attributes = new EcmaScriptRecord();
        if (list.Kind == EcmaScriptKind.Null) return attributes;
        if (list.Kind != EcmaScriptKind.List) throw path.Fault("must be an array");
        for (var i = 0; i < list.List.Count; i++) DecodeEntry(list.List[i], path.Element(i), attributes);
        return IndexedAttributes.Rebuild(attributes, path);
    }

    /// <summary>Decodes one entry. One whose key or value is as good as missing is passed over.</summary>
    private static void DecodeEntry(EcmaScriptValue entry, JsonPath path, EcmaScriptRecord attributes)
    {
        if (entry.Kind != EcmaScriptKind.Record || !entry.Record.TryGet("key", out var key) || !OtlpValue.IsTruthy(key)) return;
        if (!entry.Record.TryGet("value", out var value) || !OtlpValue.IsTruthy(value)) return;
        if (key.Kind != EcmaScriptKind.Text) throw path.Member("key").Fault("must be a string");

        OtlpValue.Flatten(key.Text, value, path.Member("value"), attributes);
    }
}
