namespace ProjectionReplay.Projections.TenantDailyBillableEvents;

/// <summary>The billable events of one tenant on one UTC day.</summary>
internal sealed class BillableEventCount(string tenantId, string date)
{
    public string TenantId { get; } = tenantId;

    public string Date { get; } = date;

    public int Count { get; set; }

    /// <summary>The timestamp of the last event folded, ms since 1970 UTC.</summary>
    public long LastEventTimestamp { get; set; }
}
