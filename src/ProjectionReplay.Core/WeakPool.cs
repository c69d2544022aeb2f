using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace ProjectionReplay;

/// <summary>
/// Objects to be used again, the last one given first, so that there are no more of them than were ever in use at once.
/// Those not in use are the garbage collector's to take. Safe for concurrent use.
/// </summary>
internal sealed class WeakPool<T>
    where T : class
{
    private readonly ConcurrentStack<WeakReference<T>> _idle = [];

    /// <summary>Takes an object that nobody uses, if there is one.</summary>
    public bool TryTake([MaybeNullWhen(false)] out T item)
    {
        while (_idle.TryPop(out var idle))
        {
            if (idle.TryGetTarget(out item)) return true;
        }

        item = null;
        return false;
    }

    /// <summary>Gives an object to whoever needs one next. The giver may not use it any more.</summary>
    public void Give(T item) => _idle.Push(new WeakReference<T>(item));
}
