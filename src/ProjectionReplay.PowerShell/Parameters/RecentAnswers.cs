using System.Collections.Concurrent;

namespace ProjectionReplay.PowerShell;

/// <summary>
/// What servers have answered to completions lately. Whoever presses Tab waits for a second at most, and not again for a
/// server that is down; a server is not asked the same thing at every key. Safe for concurrent use.
/// </summary>
internal static class RecentAnswers
{
    /// <summary>How long a person is kept waiting.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>How long a question may go on after the person has stopped waiting: the next Tab has its answer.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan FailureLifetime = TimeSpan.FromSeconds(10);

    private static readonly ConcurrentDictionary<string, Answer> Kept = new(StringComparer.Ordinal);

    /// <summary>Asks, unless the answer is known or the question under way.</summary>
    /// <param name="question">Tells questions apart: whom is asked, and what.</param>
    /// <param name="ask">Asks. Called on the thread pool.</param>
    /// <returns>The answer; or nothing, when there is none yet or the server has failed.</returns>
    public static T? Find<T>(string question, Func<CancellationToken, Task<T>> ask)
    {
        foreach (var (old, _) in Kept.Where(pair => pair.Value.IsStale).ToArray()) Kept.TryRemove(old, out _);
        var answering = (Task<T>)Kept.GetOrAdd(question, _ => new Answer(Task.Run(() => AskAsync(ask)))).Answering;
        try
        {
            return answering.Wait(Patience) ? answering.Result : default;
        }
        catch (AggregateException)
        {
            // A completion has nobody to tell; the command will.
            return default;
        }
    }

    private static async Task<T> AskAsync<T>(Func<CancellationToken, Task<T>> ask)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        return await ask(deadline.Token).ConfigureAwait(false);
    }

    private sealed class Answer(Task answering)
    {
        private readonly long _askedAt = TimeProvider.System.GetTimestamp();

        public Task Answering => answering;

        public bool IsStale =>
            TimeProvider.System.GetElapsedTime(_askedAt) > (answering.IsFaulted || answering.IsCanceled ? FailureLifetime : Lifetime);
    }
}
