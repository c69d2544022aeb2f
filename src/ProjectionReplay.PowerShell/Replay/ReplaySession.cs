using System.Globalization;
using System.Management.Automation;
using ProjectionReplay.Events;
using ProjectionReplay.Faults;
using ProjectionReplay.Markers;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Reporting;
using ProjectionReplay.Runs;

namespace ProjectionReplay.PowerShell;

/// <summary>
/// One call of <c>Invoke-ProjectionReplay</c>: takes projection after projection and tenant after tenant through the
/// same steps, until one fails or the operator has had enough. For the pipeline's thread.
/// </summary>
internal sealed class ReplaySession(PSCmdlet cmdlet, ReplayEngine engine, ReplayOptions options, CancellationToken stopping)
{
    /// <summary>What was asked for about interrupted runs. Not a property of the engine's type: see <see cref="ModuleLifetime"/>.</summary>
    public required PreviousRunAnswer PreviousRun { get; init; }

    /// <summary>Whether nothing is to be written anywhere.</summary>
    public required bool IsDryRun { get; init; }

    /// <summary>Whether counters are deleted first and built anew.</summary>
    public required bool IsRebuild { get; init; }

    /// <summary>Whether a rebuild may delete what the log cannot give back.</summary>
    public required bool AllowsLoss { get; init; }

    /// <summary>Whether the operator chose to stop: nothing more is replayed.</summary>
    public bool IsEnded { get; private set; }

    /// <summary>Replays a projection for a tenant, or for a shard or some aggregates of it.</summary>
    /// <exception cref="ReplayException">It failed.</exception>
    /// <exception cref="PipelineStoppedException">The pipeline was stopped.</exception>
    public void Replay(IFoldProjection projection, string tenantId, DateTime since, ReplayShard? shard, string[]? aggregateIds)
    {
        var request = new ReplayRequest
        {
            Projection = projection,
            TenantId = tenantId,
            Since = new DateTimeOffset(since),
            Shard = shard,
            AggregateIds = aggregateIds,
            IsRebuild = IsRebuild,
            AllowsLoss = AllowsLoss,
            Options = options,
        };
        var name = projection.Definition.Name;
        var target = shard is not null ? Strings.ReplayTargetShard.With(name, tenantId, shard)
            : aggregateIds is not null ? Strings.ReplayTargetAggregates.With(name, tenantId, aggregateIds.Length)
            : Strings.ReplayTarget.With(name, tenantId);
        var activity = shard is null
            ? Strings.ProgressActivity.With(name, tenantId)
            : Strings.ProgressActivityShard.With(name, tenantId, shard);
        var messages = new ReplayMessages();
        var progress = new ProgressBars(cmdlet.CommandRuntime, cmdlet.Host, activity);
        var pump = new EnginePump(cmdlet, messages, progress, stopping);
        Task<ReplayRun>? preparation = null;
        try
        {
            progress.ShowPreparation();
            pump.Run(token => preparation = engine.PrepareAsync(request, IsDryRun, messages, token));

            // A bar would stand in the way of the questions that may come now.
            progress.Complete();
            Start(preparation!.Result, pump, target, since);
        }
        finally
        {
            progress.Complete();
            messages.Complete();
            if (preparation is { IsCompletedSuccessfully: true })
            {
                Task.Run(() => preparation.Result.DisposeAsync().AsTask()).GetAwaiter().GetResult();
            }
        }
    }

    private void Start(ReplayRun run, EnginePump pump, string target, DateTime since)
    {
        var plan = run.Plan;
        if (IsDryRun) cmdlet.WriteObject(plan);
        Confirmation.RequirePerson(cmdlet, ConfirmImpact.Medium, target);
        if (!cmdlet.ShouldProcess(target, Strings.ActionReplay.With(plan.AggregateCount, Describe(since)))) return;
        if (IsRebuild && !RebuildQuestion.Ask(cmdlet, target, run.Outlook))
        {
            IsEnded = true;
            return;
        }

        switch (Decide(run, target))
        {
            case PreviousRunAnswer.Refuse:
                pump.Run(token => run.ExecuteAsync(PreviousRunAction.Refuse, token));
                break;
            case PreviousRunAnswer.Resume:
                pump.Run(token => run.ExecuteAsync(PreviousRunAction.Resume, token));
                break;
            case PreviousRunAnswer.Restart:
                pump.Run(token => run.ExecuteAsync(PreviousRunAction.Restart, token));
                break;
            case PreviousRunAnswer.CleanUp:
                IsEnded = true;
                CleanUp(run, pump, target);
                break;
            default:
                IsEnded = true;
                break;
        }
    }

    private void CleanUp(ReplayRun run, EnginePump pump, string target)
    {
        Task<MarkerRemains>? removal = null;
        pump.Run(token => removal = run.CleanUpAsync(token));

        // Said to the person who has just answered: what goes down the pipeline are the steps of replays.
        var removed = removal!.Result;
        cmdlet.Host.UI.WriteLine(Strings.CleanedUp.With(target, removed.Markers, removed.Completed));
    }

    private PreviousRunAnswer Decide(ReplayRun run, string target)
    {
        var plan = run.Plan;
        var isOpen = (plan.PreviousCompletedCount > 0 || plan.StaleMarkerCount > 0) && !IsRebuild && !run.IsHeldUp;
        return isOpen && PreviousRun == PreviousRunAnswer.Refuse ? PreviousRunQuestion.Ask(cmdlet.Host, plan, target) : PreviousRun;
    }

    private static string Describe(DateTime since) => since.ToString(
        since.TimeOfDay == TimeSpan.Zero ? "yyyy-MM-dd" : "yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture);
}
