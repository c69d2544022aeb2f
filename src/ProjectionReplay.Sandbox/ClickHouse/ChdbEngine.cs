using System.Runtime.InteropServices;
using System.Text;
using ProjectionReplay.Sandbox.ClickHouse.Sql;

namespace ProjectionReplay.Sandbox.ClickHouse;

/// <summary>
/// The embedded ClickHouse engine over one data directory. There can be one per process, ever:
/// the library cannot be started again once it was shut down.
/// </summary>
/// <remarks>
/// A connection costs one or two milliseconds, so each request gets its own, or an idle one that was set up in the
/// same way. That is what keeps one request's settings, parameters and current database from the next one's. The anchor
/// connection stays open throughout, because the engine stops with its last connection.
/// Thread-safe.
/// </remarks>
internal sealed partial class ChdbEngine : IDisposable
{
    private readonly string[] _arguments;
    private readonly ChdbConnection _anchor;
    private readonly CountdownEvent _open = new(1);

    private ChdbEngine(string dataDirectory)
    {
        // Small caches: this engine serves a test or a first look, not a warehouse. And no log: on a terminal it would
        // say '<Fatal> ThreadStatus: current_thread contains invalid address' after each streamed INSERT. Its worker is a
        // thread of the engine's pool, which has a ThreadStatus already, and makes a second one: when that one goes,
        // the thread has none, and the first finds itself forgotten when its turn comes. No harm is done by it. The level
        // has to be named: any other option of the logger alone would set it to trace, and cost time. What is wrong with
        // a statement comes back as its result, log or no log.
        _arguments = ["--path=" + dataDirectory, "--mark_cache_size=134217728", "--uncompressed_cache_size=0", "--log-level=none"];
        _anchor = new ChdbConnection(_arguments);
        using var version = _anchor.Query("SELECT version()"u8, "TabSeparatedRaw");
        Version = Encoding.UTF8.GetString(version.Data).Trim();
    }

    /// <summary>The engine's version, such as <c>26.7.2.1</c>.</summary>
    public string Version { get; }

    /// <summary>Starts the engine; takes a second or two when the library is not in the page cache.</summary>
    /// <exception cref="SandboxException">The data directory cannot be opened, for example because another process has it.</exception>
    public static ChdbEngine Start(string libraryPath, string dataDirectory)
    {
        // The engine takes its default time zone from TZ. .NET keeps its own copy of the
        // environment, so the C library has to be told.
        if (!OperatingSystem.IsWindows())
            _ = SetEnvironment("TZ", "UTC", 1);
        ChdbLibrary.LoadFrom(libraryPath);
        Directory.CreateDirectory(dataDirectory);
        try
        {
            return new ChdbEngine(dataDirectory);
        }
        catch (ChdbException e)
        {
            throw new SandboxException(
                $"ClickHouse does not open {dataDirectory}: another sandbox may be using it, or it holds something else.", e);
        }
    }

    /// <summary>Opens a connection; blocks for a millisecond or two. Give it back with <see cref="Close"/>.</summary>
    public ChdbConnection Open()
    {
        ObjectDisposedException.ThrowIf(!_open.TryAddCount(), this);
        try
        {
            return new ChdbConnection(_arguments[..1]);
        }
        catch
        {
            _open.Signal();
            throw;
        }
    }

    /// <summary>Closes a connection from <see cref="Open"/>.</summary>
    public void Close(ChdbConnection connection)
    {
        connection.Dispose();
        _open.Signal();
    }

    /// <summary>The setting that says whose query it is: one that clients have no use for, as the engine caches no query.</summary>
    public const string MarkSetting = "query_cache_tag";

    /// <summary>Stops the queries that run with this mark; blocks until the engine has noted it.</summary>
    public void Kill(string mark)
    {
        var connection = Open();
        try
        {
            connection.Execute($"KILL QUERY WHERE Settings['{MarkSetting}'] = {SqlText.Quote(mark)} ASYNC");
        }
        catch (ChdbException)
        {
            // Nothing to kill any more: the query ended by itself.
        }
        finally
        {
            Close(connection);
        }
    }

    /// <summary>Waits up to ten seconds for open connections, then stops the engine and frees its data directory.</summary>
    public void Dispose()
    {
        _open.Signal();
        if (!_open.Wait(TimeSpan.FromSeconds(10)))
            return; // A query that cannot be stopped: the end of the process will free the directory.
        _anchor.Dispose();
        _ = ChdbLibrary.Shutdown();
        _open.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
