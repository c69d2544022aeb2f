namespace ProjectionReplay.Projections.TenantDailyEventStats;

/// <summary>The SDK that sent a span.</summary>
internal sealed record Sdk(string Name, string Version, string Language)
{
    /// <summary>Any SDK that does not say it is ours.</summary>
    public static readonly Sdk Other = new("other", "", "");

    private static readonly PayloadFields ResourceFields = new("resource");
    private static readonly PayloadField Attributes = ResourceFields.Add("attributes");

    private static readonly PayloadFields AttributeFields = new("resource.attributes[]");
    private static readonly PayloadField Key = AttributeFields.Add("key");
    private static readonly PayloadField Value = AttributeFields.Add("value");

    private static readonly PayloadFields ValueFields = new("resource.attributes[].value");
    private static readonly PayloadField StringValue = ValueFields.Add("stringValue");

    /// <summary>
    /// The SDK that a span's resource names: by LangWatch's own attributes, or by those of OpenTelemetry if the SDK
    /// there is one of LangWatch's. Each counts only if name, version and language are all there.
    /// </summary>
    /// <param name="payload">The payload of the span.</param>
    /// <param name="resource">Its <c>resource</c>, which may be null.</param>
    public static Sdk Read(in PayloadValues payload, PayloadField resource)
    {
        Names langwatch = default;
        Names telemetry = default;
        foreach (var attribute in payload.Nested(resource, ResourceFields).Items(Attributes, AttributeFields))
        {
            // A later attribute of the same key overwrites an earlier one, even if it holds no text.
            switch (attribute.Text(Key))
            {
                case "langwatch.sdk.name": langwatch.Name = TextOf(attribute); break;
                case "langwatch.sdk.version": langwatch.Version = TextOf(attribute); break;
                case "langwatch.sdk.language": langwatch.Language = TextOf(attribute); break;
                case "telemetry.sdk.name": telemetry.Name = TextOf(attribute); break;
                case "telemetry.sdk.version": telemetry.Version = TextOf(attribute); break;
                case "telemetry.sdk.language": telemetry.Language = TextOf(attribute); break;
            }
        }

        if (langwatch.ToSdk() is { } own) return own;
        return telemetry.ToSdk() is { } known && known.Name.Contains("langwatch", StringComparison.Ordinal) ? known : Other;
    }

    private static string? TextOf(in PayloadValues attribute)
    {
        var value = attribute.Nested(Value, ValueFields);
        return value.IsText(StringValue) ? value.Text(StringValue) : null;
    }

    private struct Names
    {
        public string? Name;
        public string? Version;
        public string? Language;

        public readonly Sdk? ToSdk() =>
            string.IsNullOrEmpty(Name) || string.IsNullOrEmpty(Version) || string.IsNullOrEmpty(Language)
                ? null
                : new Sdk(Name, Version, Language);
    }
}
