using System.Threading.Channels;
using ProjectionReplay.Faults;

namespace ProjectionReplay.Reporting;

/// <summary>Something that the engine has to say while it works.</summary>
public abstract record ReplayMessage;

/// <summary>A step of the run.</summary>
public sealed record ReplayLogMessage(ReplayLogEntry Entry) : ReplayMessage;

/// <summary>Something that the operator should know though the run goes on.</summary>
public sealed record ReplayWarningMessage(string Text) : ReplayMessage
{
    /// <summary>A sentence or more; names of others in it cannot steer a terminal.</summary>
    public string Text { get; init; } = SafeText.Show(Text);
}

/// <summary>Something about a plan that the operator should know before it is run, and that may well be as it should.</summary>
public sealed record ReplayNoteMessage(string Text) : ReplayMessage
{
    /// <summary>A sentence or more; names of others in it cannot steer a terminal.</summary>
    public string Text { get; init; } = SafeText.Show(Text);
}

/// <summary>An object that was asked for, found on the way.</summary>
public sealed record ReplayFindingMessage(object Finding) : ReplayMessage;

/// <summary>What the engine is doing, for those who ask.</summary>
public sealed record ReplayVerboseMessage(string Text) : ReplayMessage
{
    /// <summary>A sentence or more; names of others in it cannot steer a terminal.</summary>
    public string Text { get; init; } = SafeText.Show(Text);
}

/// <summary>How long each phase takes and how the work is cut, for those who look for what is slow.</summary>
public sealed record ReplayDebugMessage(string Text) : ReplayMessage
{
    /// <summary>A sentence or more; names of others in it cannot steer a terminal.</summary>
    public string Text { get; init; } = SafeText.Show(Text);
}

/// <summary>
/// What the engine says on its way to the caller: messages in order, and progress of which only the latest counts.
/// One reader; any number of writers. However slow the reader is, the engine goes on: aggregates that are marked never wait
/// for a pager. Messages take memory until they are read.
/// </summary>
public sealed class ReplayMessages
{
    /// <summary>Has calls to servers made again so many times, and tells of it here.</summary>
    internal Patience Allow(int retries, TimeProvider timeProvider) => new(
        (sentence, token) => SendAsync(new ReplayVerboseMessage(sentence), token), timeProvider, retries);

    private readonly Channel<ReplayMessage> _channel;

    private ReplayProgress? _progress;

    /// <summary>Messages without a limit.</summary>
    public ReplayMessages() =>
        _channel = Channel.CreateUnbounded<ReplayMessage>(new UnboundedChannelOptions { SingleReader = true });

    /// <summary>Messages of work that marks nothing, and may find more than memory has room for: it waits for the reader.</summary>
    /// <param name="most">How many there may be that were not read yet.</param>
    public ReplayMessages(int most) => _channel = Channel.CreateBounded<ReplayMessage>(
        new BoundedChannelOptions(most) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });

    /// <summary>The messages, in order. Ends when <see cref="Complete"/> was called.</summary>
    public ChannelReader<ReplayMessage> Reader => _channel.Reader;

    /// <summary>The latest progress, or null when there was none yet.</summary>
    public ReplayProgress? Progress => Volatile.Read(ref _progress);

    /// <summary>Says that no message will follow. Harmless when repeated.</summary>
    public void Complete() => _channel.Writer.TryComplete();

    /// <summary>Sends a message; waits while there are too many that were not read.</summary>
    internal ValueTask SendAsync(ReplayMessage message, CancellationToken cancellationToken) =>
        _channel.Writer.TryWrite(message) ? ValueTask.CompletedTask : _channel.Writer.WriteAsync(message, cancellationToken);

    /// <summary>Sends a message if there is room for it; else drops it.</summary>
    internal void TrySend(ReplayMessage message) => _channel.Writer.TryWrite(message);

    /// <summary>Replaces the latest progress.</summary>
    internal void Report(ReplayProgress progress) => Volatile.Write(ref _progress, progress);
}
