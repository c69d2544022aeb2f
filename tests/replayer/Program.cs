// Replays in a process of their own, for tests that kill it: no catch, no finally and no dispose runs then.
//
//   ProjectionReplay.TestReplayer (<projection> <tenant> <aggregate batch size> <Refuse|Resume|Restart|Rebuild>)...
//
// All of them run at once. The servers come from CLICKHOUSE_URL, REDIS_URL and DATABASE_URL.
// REPLAY_SHARD=<i/n> makes them replays of a shard, REPLAY_CONCURRENCY=<n> has them work on so many streams at once.
// REPLAY_KILL_AT=<batch>:<phase>:<before|after> kills the process when every run has come to that boundary of the cycle,
// REPLAY_KILL_AFTER=<ms> that long after the runs began. Ends with 0, or with 1 after it printed an error.
using System.Diagnostics;
using System.Globalization;
using ProjectionReplay.Configuration;
using ProjectionReplay.Events;
using ProjectionReplay.Planning;
using ProjectionReplay.Projections;
using ProjectionReplay.Reporting;
using ProjectionReplay.Runs;

var killAt = ParseBoundary(Environment.GetEnvironmentVariable("REPLAY_KILL_AT"));
var killAfter = Environment.GetEnvironmentVariable("REPLAY_KILL_AFTER") is { Length: > 0 } delay
    ? TimeSpan.FromMilliseconds(double.Parse(delay, CultureInfo.InvariantCulture))
    : (TimeSpan?)null;
var shard = Environment.GetEnvironmentVariable("REPLAY_SHARD") is { Length: > 0 } part ? ReplayShard.Parse(part) : null;
var concurrency = Environment.GetEnvironmentVariable("REPLAY_CONCURRENCY") is { Length: > 0 } streams
    ? int.Parse(streams, CultureInfo.InvariantCulture)
    : 10;
var subjects = args.Chunk(4).ToList();
var arrivals = 0;
var engine = new ReplayEngine(new ReplayConnections(directory: null));
var prepared = await Task.WhenAll(subjects.Select(PrepareAsync));
if (killAfter is { } patience) new Thread(() => KillSelfAfter(patience)) { IsBackground = true, Priority = ThreadPriority.Highest }.Start();
await Task.WhenAll(subjects.Zip(prepared, ExecuteAsync));
return 0;

Task<ReplayRun> PrepareAsync(string[] subject) => OrExitAsync(subject, () =>
{
    var request = new ReplayRequest
    {
        Projection = ProjectionCatalog.BuiltIn.Get(subject[0]).Projection,
        TenantId = subject[1],
        Since = DateTimeOffset.UnixEpoch,
        Shard = shard,
        IsRebuild = subject[3] == "Rebuild",
        Options = new ReplayOptions
        {
            AggregateBatchSize = int.Parse(subject[2], CultureInfo.InvariantCulture),
            Concurrency = concurrency,
            Probe = ProbeAsync,
        },
    };
    var messages = new ReplayMessages();
    _ = ReadAsync(messages);
    return engine.PrepareAsync(request, isDryRun: false, messages, CancellationToken.None);
});

Task<bool> ExecuteAsync(string[] subject, ReplayRun run) => OrExitAsync(subject, async () =>
{
    var previousRun = Enum.TryParse<PreviousRunAction>(subject[3], out var action) ? action : PreviousRunAction.Refuse;
    await run.ExecuteAsync(previousRun, CancellationToken.None);
    await run.DisposeAsync();
    return true;
});

async ValueTask ProbeAsync(ReplayBoundary boundary, CancellationToken cancellationToken)
{
    if (boundary != killAt) return;
    if (Interlocked.Increment(ref arrivals) == subjects.Count) KillSelf();
    await Task.Delay(Timeout.Infinite, cancellationToken);
}

// The others may wait at a boundary for one that failed: there is no going on.
static async Task<T> OrExitAsync<T>(string[] subject, Func<Task<T>> work)
{
    try
    {
        return await work();
    }
    catch (Exception exception)
    {
        Console.WriteLine($"{subject[0]} of {subject[1]}: {exception}");
        Environment.Exit(1);
        throw;
    }
}

// A reader that falls behind would hold the engine up.
static async Task ReadAsync(ReplayMessages messages)
{
    await foreach (var message in messages.Reader.ReadAllAsync())
    {
        if (message is ReplayWarningMessage) Console.WriteLine(message);
    }
}

static ReplayBoundary? ParseBoundary(string? text) => text?.Split(':') is [var batch, var phase, var side]
    ? new ReplayBoundary(int.Parse(batch, CultureInfo.InvariantCulture), Enum.Parse<ReplayPhase>(phase), side == "before")
    : null;

static void KillSelfAfter(TimeSpan patience)
{
    Thread.Sleep(patience);
    KillSelf();
}

// SIGKILL, or its like on Windows.
static void KillSelf()
{
    using var self = Process.GetCurrentProcess();
    self.Kill();
    Thread.Sleep(Timeout.Infinite);
}
