using ProjectionReplay.Events;
using ProjectionReplay.Folding;
using ProjectionReplay.Projections;
using ProjectionReplay.Reporting;

namespace ProjectionReplay.Comparison;

/// <summary>What the parts of one comparison share.</summary>
internal sealed record ComparisonContext(
    ComparisonRequest Request,
    EventSelection Selection,
    ClickHouseEventLog EventLog,
    ReplayMessages Messages,
    ComparisonProgress Progress,
    TimeProvider TimeProvider)
{
    public ProjectionDefinition Definition => Request.Projection.Definition;

    /// <summary>Waits until live handlers have had the time to catch up since a moment, by the clock's timestamp.</summary>
    public Task LetLiveHandlersCatchUpAsync(long since, CancellationToken cancellationToken)
    {
        var left = Request.Grace - TimeProvider.GetElapsedTime(since);
        return left > TimeSpan.Zero ? Task.Delay(left, TimeProvider, cancellationToken) : Task.CompletedTask;
    }

    /// <summary>Lets a test step in.</summary>
    public ValueTask PauseAsync(int look, CancellationToken cancellationToken) =>
        Request.Pause is { } pause ? pause(look, cancellationToken) : ValueTask.CompletedTask;

    /// <summary>Tells of a difference.</summary>
    public ValueTask TellAsync(ProjectionDifference difference, CancellationToken cancellationToken)
    {
        Progress.CountDifference(difference);
        return Messages.SendAsync(new ReplayFindingMessage(difference), cancellationToken);
    }

    public ValueTask WarnAsync(string text, CancellationToken cancellationToken) =>
        Messages.SendAsync(new ReplayWarningMessage(text), cancellationToken);

    /// <summary>Reads and folds aggregates, which are in key order, in several streams at once.</summary>
    /// <param name="selection">Which events.</param>
    /// <param name="startFold">Starts the fold of a stream.</param>
    /// <param name="aggregates">The aggregates; each is told what was found of it.</param>
    /// <param name="cancellationToken">Abandons the work.</param>
    /// <returns>The folds, in the order of their aggregates; the caller disposes them.</returns>
    public async Task<IReadOnlyList<IStreamFold>> FoldAsync(
        EventSelection selection,
        Func<IStreamFold> startFold,
        IReadOnlyList<BatchAggregate> aggregates,
        CancellationToken cancellationToken)
    {
        var reading = new StreamReading(
            EventLog, startFold, Definition, Request.Options.BatchSize, Request.Options.StagingGrace, TimeProvider);
        var streams = AggregateStream.Cut(selection, aggregates, Request.Options.Concurrency);
        var folds = new IStreamFold[streams.Count];
        await Parallel.ForAsync(
            0,
            streams.Count,
            new ParallelOptions { MaxDegreeOfParallelism = Request.Options.Concurrency, CancellationToken = cancellationToken },
            async (index, token) => folds[index] =
                (await streams[index].FoldAsync(reading, Progress.AddEvents, token).ConfigureAwait(false)).Fold).ConfigureAwait(false);
        return folds;
    }
}
