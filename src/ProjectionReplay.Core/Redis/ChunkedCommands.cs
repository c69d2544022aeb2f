namespace ProjectionReplay.Redis;

/// <summary>Sends commands that are each about many items, one behind the other, without waiting for each answer.</summary>
internal static class ChunkedCommands
{
    /// <summary>Enough that round trips do not count, few enough that memory stays flat however many items there are.</summary>
    private const int MostUnderWay = 16;

    /// <summary>Sends the items in chunks.</summary>
    /// <param name="items">The items; enumerated as they are sent.</param>
    /// <param name="chunkSize">The items of a command.</param>
    /// <param name="send">Sends one command. The array is its own until it has answered, and is used again after that.</param>
    /// <param name="cancellationToken">Abandons the wait. What was sent is sent.</param>
    /// <returns>The answers in the order of the items.</returns>
    public static async Task<List<TAnswer>> SendAsync<T, TAnswer>(
        IEnumerable<T> items, int chunkSize, Func<T[], Task<TAnswer>> send, CancellationToken cancellationToken)
    {
        var answers = new List<TAnswer>();
        var underWay = new Queue<(T[] Chunk, Task<TAnswer> Answer)>();
        try
        {
            var (chunk, count) = (Rent(), 0);
            foreach (var item in items)
            {
                chunk[count++] = item;
                if (count < chunkSize) continue;
                await BeginAsync(chunk).ConfigureAwait(false);
                (chunk, count) = (Rent(), 0);
            }

            if (count > 0) await BeginAsync(chunk[..count]).ConfigureAwait(false);
            Idle<T>.Chunks.Give(chunk);
            while (underWay.Count > 0) await EndAsync().ConfigureAwait(false);
            return answers;
        }
        finally
        {
            // One failure is told; those behind it have most likely failed for the same reason.
            foreach (var (_, other) in underWay) _ = other.ContinueWith(static task => task.Exception, TaskScheduler.Default);
        }

        T[] Rent() => Idle<T>.Chunks.TryTake(out var idle) && idle.Length == chunkSize ? idle : new T[chunkSize];

        async Task BeginAsync(T[] chunk)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (underWay.Count == MostUnderWay) await EndAsync().ConfigureAwait(false);
            underWay.Enqueue((chunk, send(chunk)));
        }

        async Task EndAsync()
        {
            var (chunk, answer) = underWay.Dequeue();
            answers.Add(await answer.WaitAsync(cancellationToken).ConfigureAwait(false));

            // Answered, so that nothing is going to send it any more. A command that fails may lie in a queue still.
            if (chunk.Length == chunkSize) Idle<T>.Chunks.Give(chunk);
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

    /// <summary>Arrays for items of one type. All who send such items do it in chunks of one size, but for a few.</summary>
    private static class Idle<T>
    {
        public static WeakPool<T[]> Chunks { get; } = new();
    }
}
