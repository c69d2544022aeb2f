using ProjectionReplay.Events;
using ProjectionReplay.Faults;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Reporting;
using ProjectionReplay.Runs;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Replay;

/// <summary>A replay as a test sees it: what it said, and how it ended.</summary>
internal sealed record ReplayOutcome(
    ReplayPlan? Plan,
    IReadOnlyList<ReplayLogEntry> Entries,
    IReadOnlyList<string> Warnings,
    IReadOnlyList<string> Verbose,
    ReplayProgress? Progress,
    Exception? Exception)
{
    /// <summary>The named error it ended with, if any.</summary>
    public ReplayError? Error => (Exception as ReplayException)?.Error;

    /// <summary>What it had to say about the plan.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Its last log entry.</summary>
    public ReplayLogEntry Last => Entries[^1];

    public ReplayOutcome ShouldSucceed()
    {
        Assert.True(Exception is null, $"The replay should have succeeded but failed: {Exception}");
        Assert.Equal("complete", Last.Step);
        return this;
    }

    public ReplayOutcome ShouldFailWith(ReplayError error)
    {
        Assert.True(Error == error, $"The replay should have failed with {error}, but ended with: {Exception?.ToString() ?? "success"}");
        return this;
    }

    /// <summary>Prepares a replay and executes it.</summary>
    public static async Task<ReplayOutcome> RunAsync(
        TestServers servers,
        IFoldProjection projection,
        TestTenant tenant,
        ReplayOptions? options = null,
        PreviousRunAction previousRun = PreviousRunAction.Refuse,
        DateTimeOffset? since = null,
        bool isDryRun = false,
        Configuration.ReplayConnections? connections = null,
        bool isLive = false,
        bool isRebuild = false,
        bool allowsLoss = false,
        ReplayShard? shard = null,
        IReadOnlyList<string>? aggregateIds = null,
        TimeProvider? timeProvider = null,
        CancellationToken cancellationToken = default)
    {
        var messages = new ReplayMessages();
        var notes = new List<string>();
        var reading = ReadAsync(messages, notes);
        ReplayPlan? plan = null;
        Exception? failure = null;
        try
        {
            var request = new ReplayRequest
            {
                Projection = projection,
                TenantId = tenant.Id,
                Since = since ?? new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero),
                Shard = shard,
                AggregateIds = aggregateIds,
                IsRebuild = isRebuild,
                AllowsLoss = allowsLoss,

                // Where no live system is at work, nothing is going to be staged.
                Options = isLive ? options ?? new ReplayOptions() : (options ?? new ReplayOptions()) with { StagingGrace = TimeSpan.Zero },
            };
            var engine = new ReplayEngine(connections ?? servers.Connections, timeProvider);
            await using var run = await engine.PrepareAsync(request, isDryRun, messages, cancellationToken);
            plan = run.Plan;
            if (!isDryRun) await run.ExecuteAsync(previousRun, cancellationToken);
        }
        catch (Exception exception)
        {
            failure = exception;
        }

        messages.Complete();
        var (entries, warnings, verbose) = await reading;
        return new ReplayOutcome(plan, entries, warnings, verbose, messages.Progress, failure) { Notes = notes };
    }

    private static async Task<(List<ReplayLogEntry> Entries, List<string> Warnings, List<string> Verbose)> ReadAsync(
        ReplayMessages messages, List<string> notes)
    {
        var (entries, warnings, verbose) = (new List<ReplayLogEntry>(), new List<string>(), new List<string>());
        await foreach (var message in messages.Reader.ReadAllAsync())
        {
            if (message is ReplayLogMessage step) entries.Add(step.Entry);
            if (message is ReplayWarningMessage warning) warnings.Add(warning.Text);
            if (message is ReplayNoteMessage note) notes.Add(note.Text);
            if (message is ReplayVerboseMessage said) verbose.Add(said.Text);
        }

        return (entries, warnings, verbose);
    }
}
