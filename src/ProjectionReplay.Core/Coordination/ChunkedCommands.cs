namespace ProjectionReplay.Coordination;

/// <summary>Sends commands that are each about many items, one behind the other, without waiting for each answer.</summary>
internal static class ChunkedCommands
{
    /// <summary>Enough that round trips do not count, few enough that memory stays flat however many items there are.</summary>
    private const int MostUnderWay = 16;

    /// <summary>Sends the items in chunks.</summary>
    /// <param name="items">The items; enumerated as they are sent.</param>
    /// <param name="chunkSize">The items of a command.</param>
    /// <param name="send">Sends one command.</param>
    /// <param name="cancellationToken">Abandons the wait. What was sent is sent.</param>
    /// <returns>The answers in the order of the items.</returns>
    public static async Task<List<TAnswer>> SendAsync<T, TAnswer>(
        IEnumerable<T> items, int chunkSize, Func<T[], Task<TAnswer>> send, CancellationToken cancellationToken)
    {
        var answers = new List<TAnswer>();
        var underWay = new Queue<Task<TAnswer>>();
        try
        {
            foreach (var chunk in items.Chunk(chunkSize))
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (underWay.Count == MostUnderWay) answers.Add(await underWay.Dequeue().WaitAsync(cancellationToken).ConfigureAwait(false));
                underWay.Enqueue(send(chunk));
            }

            while (underWay.Count > 0) answers.Add(await underWay.Dequeue().WaitAsync(cancellationToken).ConfigureAwait(false));
            return answers;
        }
        finally
        {
            // One failure is told; those behind it have most likely failed for the same reason.
            foreach (var other in underWay) _ = other.ContinueWith(static task => task.Exception, TaskScheduler.Default);
        }
    }

    /// <inheritdoc cref="SendAsync{T, TAnswer}"/>
    public static Task SendAsync<T>(IEnumerable<T> items, int chunkSize, Func<T[], Task> send, CancellationToken cancellationToken) =>
        SendAsync(
            items,
            chunkSize,
            async chunk =>
            {
                await send(chunk).ConfigureAwait(false);
                return true;
            },
            cancellationToken);
}
