using System.Runtime.CompilerServices;

namespace ProjectionReplay.Redis;

/// <summary>Scans that can be abandoned while an answer is waited for: the client itself looks only between answers.</summary>
internal static class AbandonableScan
{
    /// <summary>The same items, until cancelled.</summary>
    public static async IAsyncEnumerable<T> Abandonable<T>(
        this IAsyncEnumerable<T> scan, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var items = scan.GetAsyncEnumerator(cancellationToken);
        var isAbandoned = false;
        try
        {
            while (true)
            {
                // An item that is there already, as nearly all are, costs nothing.
                var next = items.MoveNextAsync();
                if (!next.IsCompleted)
                {
                    var answer = next.AsTask();
                    isAbandoned = true;
                    var isThere = await answer.WaitAsync(cancellationToken).ConfigureAwait(false);
                    isAbandoned = false;
                    if (!isThere) yield break;
                }
                else if (!await next.ConfigureAwait(false))
                {
                    yield break;
                }

                cancellationToken.ThrowIfCancellationRequested();
                yield return items.Current;
            }
        }
        finally
        {
            // One that still waits may not be disposed of; it holds nothing but memory.
            if (!isAbandoned) await items.DisposeAsync().ConfigureAwait(false);
        }
    }
}
