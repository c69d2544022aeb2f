namespace ProjectionReplay.Sandbox.Seeding;

/// <summary>What kinds of aggregates a seeder makes.</summary>
public enum SeedMix
{
    /// <summary>Traces (about 2 KB a span), evaluations and experiment runs, in the proportions of a busy project.</summary>
    Mixed,

    /// <summary>Evaluations alone: three events each, about 300 bytes of payload, for benchmarks.</summary>
    Evaluations,
}

/// <summary>What <see cref="EventSeeder"/> makes. The same options always make the same events.</summary>
public sealed record SeedOptions
{
    /// <summary>How many events; a mixed seed goes on to the end of the aggregate that reaches the number.</summary>
    public long Events { get; init; } = 100_000;

    /// <summary>Whose events they are; drawn evenly.</summary>
    public IReadOnlyList<string> Tenants { get; init; } = ["project_demo1", "project_demo2", "project_demo3"];

    /// <summary>The time of the first events, UTC.</summary>
    public DateTimeOffset Start { get; init; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Over how many days the events spread.</summary>
    public int Days { get; init; } = 60;

    /// <summary>What kinds of aggregates.</summary>
    public SeedMix Mix { get; init; } = SeedMix.Mixed;

    /// <summary>Every how many events one is inserted twice, as at-least-once delivery does; 0 for never.</summary>
    public int DuplicateEvery { get; init; }

    /// <summary>Another seed makes other events.</summary>
    public ulong Seed { get; init; } = 1;
}

/// <summary>What was inserted.</summary>
/// <param name="Events">Distinct events.</param>
/// <param name="Aggregates">Distinct aggregates.</param>
/// <param name="Duplicates">Rows beyond one per event.</param>
public sealed record SeedResult(long Events, long Aggregates, long Duplicates);
