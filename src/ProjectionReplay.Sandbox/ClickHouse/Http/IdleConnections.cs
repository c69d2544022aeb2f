namespace ProjectionReplay.Sandbox.ClickHouse.Http;

/// <summary>
/// Connections whose request is over, for the next request with the same database and settings: opening one and
/// setting it up costs several times what a small query does. Only a SELECT or an INSERT that succeeded may give its
/// connection back here, because anything else may leave something behind in it. Thread-safe.
/// </summary>
internal sealed class IdleConnections(ChdbEngine engine) : IDisposable
{
    private const int Most = 24;

    // The one used last is at the end; what is not asked for again moves to the front and goes.
    private readonly List<Idle> _idle = new(Most + 1);
    private long _generation;

    /// <summary>Which connections may be given back: those that were opened, or taken, since <see cref="Clear"/>.</summary>
    public long Generation => Interlocked.Read(ref _generation);

    /// <summary>A connection that was set up in this way, or null; it is the caller's until it is given back.</summary>
    public Idle? Take(string setUp)
    {
        lock (_idle)
        {
            var at = _idle.FindLastIndex(idle => string.Equals(idle.SetUp, setUp, StringComparison.Ordinal));
            if (at < 0)
                return null;
            var found = _idle[at];
            _idle.RemoveAt(at);
            return found;
        }
    }

    /// <summary>Keeps a connection of a generation, or closes it; may close the one that was idle for longest.</summary>
    public void Return(Idle connection, long generation)
    {
        ChdbConnection? surplus = null;
        lock (_idle)
        {
            if (generation != _generation)
            {
                surplus = connection.Connection;
            }
            else
            {
                _idle.Add(connection);
                if (_idle.Count > Most)
                {
                    surplus = _idle[0].Connection;
                    _idle.RemoveAt(0);
                }
            }
        }
        if (surplus is not null)
            engine.Close(surplus);
    }

    /// <summary>
    /// Closes all of them, and those that are in use once they are given back: after a statement that may have changed what
    /// they rest on, such as their database.
    /// </summary>
    public void Clear()
    {
        Idle[] all;
        lock (_idle)
        {
            all = [.. _idle];
            _idle.Clear();
            _generation++;
        }
        foreach (var idle in all)
            engine.Close(idle.Connection);
    }

    public void Dispose() => Clear();

    /// <param name="Connection">Used by nobody else meanwhile.</param>
    /// <param name="SetUp">Its database and settings, as one text.</param>
    /// <param name="Mark">By which its query can be stopped.</param>
    internal sealed record Idle(ChdbConnection Connection, string SetUp, string Mark);
}
