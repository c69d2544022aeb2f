// A live handler of a projection, as small as it can be: takes jobs from a group queue in Redis, asks the gate what to
// do with each event, and does it. Here folding an event means printing it.
//
//   LiveWorker <redis host:port> <projection> <queue name>
//   LiveWorker localhost:6379 evaluationState '{evaluation_processing/projection/evaluationState}'
//
// Ends with Ctrl+C, after the job in hand.
using LiveWorker;
using ProjectionReplay.Coordination;
using StackExchange.Redis;

if (args is not [var server, var projection, var queueName])
{
    Console.Error.WriteLine("LiveWorker <redis host:port> <projection> <queue name>");
    return 2;
}

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stop.Cancel();
};

await using var redis = await ConnectionMultiplexer.ConnectAsync(server);
var worker = new GroupWorker(
    new GroupQueue(redis.GetDatabase(), queueName),
    new LiveReplayGate(redis.GetDatabase(), projection),
    (liveEvent, _) =>
    {
        Console.WriteLine($"folded {liveEvent.EventId}");
        return Task.CompletedTask;
    });
await worker.RunAsync(stop.Token);
return 0;
