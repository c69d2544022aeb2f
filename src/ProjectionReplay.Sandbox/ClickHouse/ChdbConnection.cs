using System.Runtime.InteropServices;
using System.Text;

namespace ProjectionReplay.Sandbox.ClickHouse;

/// <summary>
/// One connection to the embedded engine: its own current database, settings and temporary tables.
/// Calls block and must not overlap; run them on a thread that may block.
/// </summary>
internal sealed unsafe class ChdbConnection : IDisposable
{
    private delegate nint Start(
        nint connection, byte* query, nuint queryLength, byte* format, nuint formatLength,
        byte** names, nuint* nameLengths, byte** values, nuint* valueLengths, nuint count);

    private nint* _connection;

    /// <summary>Connects. Arguments are <c>--path=DIR</c> and <c>--setting=value</c>.</summary>
    /// <exception cref="ChdbException">The engine refused: a bad setting, or a locked data directory.</exception>
    public ChdbConnection(IReadOnlyList<string> arguments)
    {
        var argv = (byte**)NativeMemory.AllocZeroed((nuint)arguments.Count + 2, (nuint)sizeof(byte*));
        try
        {
            argv[0] = (byte*)Marshal.StringToCoTaskMemUTF8("clickhouse");
            for (var i = 0; i < arguments.Count; i++)
                argv[i + 1] = (byte*)Marshal.StringToCoTaskMemUTF8(arguments[i]);
            _connection = ChdbLibrary.Connect(arguments.Count + 1, argv);
        }
        finally
        {
            for (var i = 0; i <= arguments.Count; i++)
                Marshal.FreeCoTaskMem((nint)argv[i]);
            NativeMemory.Free(argv);
        }

        if (_connection is null)
            throw new ChdbException("Code: 210. DB::Exception: The embedded engine refused the connection. (NETWORK_ERROR)");
    }

    private nint Handle => _connection is null ? throw new ObjectDisposedException(nameof(ChdbConnection)) : *_connection;

    /// <summary>Runs a statement and returns its whole result.</summary>
    /// <exception cref="ChdbException">The statement failed.</exception>
    public ChdbResult Query(ReadOnlySpan<byte> query, string format, QueryParameters? parameters = null) =>
        Checked(new ChdbResult(Invoke(ChdbLibrary.Query, query, format, parameters)));

    /// <summary>Runs a statement and drops its result.</summary>
    /// <exception cref="ChdbException">The statement failed.</exception>
    public void Execute(string query) => Query(Encoding.UTF8.GetBytes(query), "TabSeparated").Dispose();

    /// <summary>Starts a query whose result is fetched chunk by chunk.</summary>
    /// <exception cref="ChdbException">The query failed before its first row.</exception>
    public ChdbResult StartStream(ReadOnlySpan<byte> query, string format, QueryParameters? parameters = null) =>
        Checked(new ChdbResult(Invoke(ChdbLibrary.StreamQuery, query, format, parameters)));

    /// <summary>The next chunk of a stream; one without bytes ends it.</summary>
    /// <exception cref="ChdbException">The query failed on its way.</exception>
    public ChdbResult Fetch(ChdbResult stream) => Checked(new ChdbResult(ChdbLibrary.FetchResult(Handle, stream.Handle)));

    /// <summary>Ends a stream before its last chunk.</summary>
    public void Cancel(ChdbResult stream) => ChdbLibrary.CancelQuery(Handle, stream.Handle);

    /// <summary>Starts an INSERT whose data follows in pieces. The statement has no FORMAT clause.</summary>
    /// <exception cref="ChdbException">The statement failed.</exception>
    public ChdbInsert StartInsert(ReadOnlySpan<byte> query, string format, QueryParameters? parameters = null) =>
        new(Invoke(ChdbLibrary.StreamInsert, query, format, parameters));

    public void Dispose()
    {
        var connection = _connection;
        _connection = null;
        if (connection is not null)
            ChdbLibrary.CloseConnection(connection);
    }

    private nint Invoke(Start start, ReadOnlySpan<byte> query, string format, QueryParameters? parameters)
    {
        using var native = new NativeParameters(parameters);
        fixed (byte* text = query, formatText = Encoding.UTF8.GetBytes(format))
        {
            return start(
                Handle, text, (nuint)query.Length, formatText, (nuint)Encoding.UTF8.GetByteCount(format),
                native.Names, native.NameLengths, native.Values, native.ValueLengths, native.Count);
        }
    }

    private static ChdbResult Checked(ChdbResult result)
    {
        if (result.Error is not { } error)
            return result;
        result.Dispose();
        throw new ChdbException(error);
    }
}
