namespace ProjectionReplay.Projections.TenantDailyEventStats;

/// <summary>The spans that one tenant sent with one SDK on one UTC day.</summary>
internal sealed class SdkSpanCount(string tenantId, string date, Sdk sdk)
{
    public string TenantId { get; } = tenantId;

    public string Date { get; } = date;

    public string SdkName { get; } = sdk.Name;

    public string SdkVersion { get; } = sdk.Version;

    public string SdkLanguage { get; } = sdk.Language;

    public int Count { get; set; }

    /// <summary>The timestamp of the last event folded, ms since 1970 UTC.</summary>
    public long LastEventTimestamp { get; set; }
}
