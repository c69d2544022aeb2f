using ProjectionReplay.Json;

namespace ProjectionReplay.Projections.TraceSummary.Decoding;

/// <summary>
/// The attributes of the process that a span comes from, as far as they become attributes of the trace. Immutable.
/// </summary>
internal sealed class ResourceAttributes
{
    public static readonly ResourceAttributes None = new([], []);

    private static readonly (string Name, string Key)[] Known =
    [
        ("telemetry.sdk.name", "sdk.name"),
        ("telemetry.sdk.version", "sdk.version"),
        ("telemetry.sdk.language", "sdk.language"),
        ("service.name", "service.name"),
    ];

    private static readonly string[] MachineryPrefixes =
    [
        "host.", "process.", "telemetry.", "service.", "os.", "container.", "k8s.",
        "cloud.", "deployment.", "device.", "faas.", "webengine.",
    ];

    private readonly byte[] _json;

    private ResourceAttributes(byte[] json, IReadOnlyList<KeyValuePair<string, string>> attributes)
    {
        _json = json;
        Attributes = attributes;
    }

    /// <summary>What the trace takes over, in order; keys differ.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Attributes { get; }

    /// <summary>Reads a resource.</summary>
    /// <param name="json">The JSON of the resource.</param>
    /// <exception cref="MalformedSpanException">It is not a resource.</exception>
    public static ResourceAttributes Read(ReadOnlySpan<byte> json)
    {
        var resource = EcmaScriptJson.Parse(json);
        var path = JsonPath.Of("resource");
        if (resource.Kind == EcmaScriptKind.Null) return None;
        if (resource.Kind != EcmaScriptKind.Record) throw path.Fault("must be an object");
        resource.Record.TryGet("attributes", out var list);
        return new ResourceAttributes(json.ToArray(), Select(OtlpAttributes.Decode(list, path.Member("attributes"))));
    }

    /// <summary>Whether this was read from the very same JSON, as the spans of one process have it.</summary>
    public bool IsFrom(ReadOnlySpan<byte> json) => json.SequenceEqual(_json);

    private static List<KeyValuePair<string, string>> Select(EcmaScriptRecord resource)
    {
        var selected = new EcmaScriptRecord();
        foreach (var (name, key) in Known)
        {
            if (resource.TryGet(name, out var value) && value.Kind == EcmaScriptKind.Text) selected.Set(key, value);
        }

        foreach (var (key, value) in resource)
        {
            if (!AttributeValue.IsScalar(value)
                || Array.Exists(MachineryPrefixes, prefix => key.StartsWith(prefix, StringComparison.Ordinal)))
            {
                continue;
            }

            selected.Set(key, value);
        }

        var attributes = new List<KeyValuePair<string, string>>();
        foreach (var (key, value) in selected) attributes.Add(new(key, TextOf(value)));
        return attributes;
    }

    private static string TextOf(EcmaScriptValue value) => value.Kind switch
    {
        EcmaScriptKind.Text => value.Text,
        EcmaScriptKind.Number => EcmaScriptNumber.ToText(value.Number),
        _ => value.Boolean ? "true" : "false",
    };
}
