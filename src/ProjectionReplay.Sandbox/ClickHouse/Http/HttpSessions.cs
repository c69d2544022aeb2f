using System.Collections.Concurrent;

namespace ProjectionReplay.Sandbox.ClickHouse.Http;

/// <summary>
/// Connections that outlive a request because it named a <c>session_id</c>: temporary tables and
/// SET stay. They live as long as the server; a server proper forgets them after a minute.
/// </summary>
internal sealed class HttpSessions(ChdbEngine engine) : IDisposable
{
    private readonly ConcurrentDictionary<string, Session> _sessions = new(StringComparer.Ordinal);

    /// <summary>Takes the session's connection; blocks shortly when it is new.</summary>
    /// <exception cref="ChdbException">Another request is using the session, or it should exist and does not.</exception>
    public ChdbConnection Take(string id, bool mustExist)
    {
        if (mustExist && !_sessions.ContainsKey(id))
            throw new ChdbException($"Code: 372. DB::Exception: Session {id} not found. (SESSION_NOT_FOUND)");

        var session = _sessions.GetOrAdd(id, _ => new Session());
        if (!Monitor.TryEnter(session))
            throw Locked(id);
        try
        {
            if (session.Busy)
                throw Locked(id);
            session.Connection ??= engine.Open();
            session.Busy = true;
            return session.Connection;
        }
        finally
        {
            Monitor.Exit(session);
        }
    }

    /// <summary>Gives the connection back for the session's next request.</summary>
    public void Return(string id)
    {
        var session = _sessions[id];
        lock (session)
            session.Busy = false;
    }

    public void Dispose()
    {
        foreach (var session in _sessions.Values)
        {
            if (session.Connection is { } connection)
                engine.Close(connection);
        }
        _sessions.Clear();
    }

    private static ChdbException Locked(string id) =>
        new($"Code: 373. DB::Exception: Session {id} is locked by a concurrent client. (SESSION_IS_LOCKED)");

    private sealed class Session
    {
        public ChdbConnection? Connection { get; set; }
        public bool Busy { get; set; }
    }
}
