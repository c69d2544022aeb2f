using System.Text;
using System.Text.RegularExpressions;
using ProjectionReplay.Sandbox.ClickHouse.Sql;

namespace ProjectionReplay.Sandbox.ClickHouse.Http;

/// <summary>The engine connection of one request, with the request's database and settings in force.</summary>
internal sealed partial class RequestConnection : IDisposable
{
    private readonly ChdbEngine _engine;
    private readonly HttpSessions _sessions;
    private readonly IdleConnections _idle;
    private readonly ClickHouseRequest _request;
    private readonly string _setUp;
    private readonly long _generation;
    private readonly List<string> _takenFromSession = [];
    private readonly string _mark;

    /// <summary>Blocks for a millisecond or two, when no connection of this kind is idle.</summary>
    /// <exception cref="ChdbException">No such database or setting, or the session is in use.</exception>
    public RequestConnection(ChdbEngine engine, HttpSessions sessions, IdleConnections idle, ClickHouseRequest request)
    {
        (_engine, _sessions, _idle, _request) = (engine, sessions, idle, request);
        var settings = Settings();
        _setUp = $"{request.Database}\0{settings}";
        _generation = idle.Generation;
        if (request.SessionId is null && idle.Take(_setUp) is { } warm)
        {
            (Connection, _mark) = (warm.Connection, warm.Mark);
            return;
        }

        _mark = Guid.NewGuid().ToString("N");
        Connection = request.SessionId is { } id ? sessions.Take(id, request.SessionCheck) : engine.Open();
        try
        {
            if (request.SessionId is not null)
                _takenFromSession = SessionState();
            if (request.Database is { } database)
                Connection.Execute("USE " + SqlText.Identifier(database));
            Connection.Execute($"SET {settings}, {ChdbEngine.MarkSetting} = {SqlText.Quote(_mark)}");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public ChdbConnection Connection { get; }

    /// <summary>The statement has ended and changed nothing in the connection, and nobody stops it any more.</summary>
    public bool IsUnchanged { get; set; }

    /// <summary>Stops the request's query from another thread. Blocks.</summary>
    public void Kill() => _engine.Kill(_mark);

    public void Dispose()
    {
        if (_request.SessionId is { } id)
            LeaveSession(id);
        else if (IsUnchanged)
            _idle.Return(new(Connection, _setUp, _mark), _generation);
        else
            _engine.Close(Connection);

        // A database may have been dropped: what is idle was set up before that.
        if (!IsUnchanged)
            _idle.Clear();
    }

    /// <summary>In a session the connection goes on: takes back what was set for this query alone.</summary>
    private void LeaveSession(string id)
    {
        try
        {
            foreach (var statement in _takenFromSession)
                Connection.Execute(statement);
        }
        catch (ChdbException)
        {
            // The session's database was dropped meanwhile, or it is read-only by now.
        }
        _sessions.Return(id);
    }

    /// <summary>Statements that give the session back what this request sets for itself alone.</summary>
    private List<string> SessionState()
    {
        var statements = new List<string>();
        if (_request.Database is not null)
            statements.Add("USE " + SqlText.Identifier(Ask("SELECT currentDatabase()")));
        foreach (var name in _request.Settings.Keys)
            statements.Add($"SET {name} = " + SqlText.Quote(Ask($"SELECT value FROM system.settings WHERE name = {SqlText.Quote(name)}")));
        return statements;

        string Ask(string sql)
        {
            using var answer = Connection.Query(Encoding.UTF8.GetBytes(sql), "TabSeparatedRaw");
            return Encoding.UTF8.GetString(answer.Data).TrimEnd('\n');
        }
    }

    private string Settings()
    {
        // One statement, so that readonly=1 does not forbid the settings after it. The embedded engine
        // reads a lone word as a SELECT of it, which a server does not; and each chunk of a stream
        // is a block, so smaller blocks keep large rows from filling the memory.
        var sql = new StringBuilder("implicit_select = 0, max_block_size = 16384");
        foreach (var (name, value) in _request.Settings)
        {
            if (!SettingName().IsMatch(name))
                throw new ChdbException($"Code: 115. DB::Exception: Unknown setting '{name}'. (UNKNOWN_SETTING)");
            if (!string.Equals(name, ChdbEngine.MarkSetting, StringComparison.Ordinal))
                sql.Append(", ").Append(name).Append(" = ").Append(SqlText.Quote(value));
        }
        return sql.ToString();
    }

    [GeneratedRegex("^[A-Za-z_][A-Za-z0-9_]*$", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SettingName();
}
