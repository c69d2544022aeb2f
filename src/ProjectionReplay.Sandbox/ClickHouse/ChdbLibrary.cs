using System.Reflection;
using System.Runtime.InteropServices;

namespace ProjectionReplay.Sandbox.ClickHouse;

/// <summary>
/// The C functions of the embedded ClickHouse engine (<c>libchdb</c> 26.7) that the sandbox calls.
/// </summary>
/// <remarks>
/// A connection runs one statement at a time and must be used by one thread at a time;
/// different connections run side by side. Every string goes in as pointer and length, because
/// INSERT data and parameter values may hold zero bytes.
/// </remarks>
internal static unsafe partial class ChdbLibrary
{
    private const string Library = "chdb";
    private static string? s_path;

    /// <summary>Tells where <c>libchdb</c> is. Call once, before the first use of any function.</summary>
    public static void LoadFrom(string path)
    {
        if (Interlocked.CompareExchange(ref s_path, path, null) is not null)
            return;

        NativeLibrary.SetDllImportResolver(typeof(ChdbLibrary).Assembly, Resolve);

        // The engine would otherwise take over SIGTERM, SIGINT and SIGSEGV, which belong to .NET.
        SetSignalHandlersEnabled(0);
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath) =>
        string.Equals(name, Library, StringComparison.Ordinal) ? NativeLibrary.Load(s_path!) : nint.Zero;

    [LibraryImport(Library, EntryPoint = "chdb_set_signal_handlers_enabled")]
    private static partial void SetSignalHandlersEnabled(int enabled);

    [LibraryImport(Library, EntryPoint = "chdb_connect")]
    public static partial nint* Connect(int argc, byte** argv);

    [LibraryImport(Library, EntryPoint = "chdb_close_conn")]
    public static partial void CloseConnection(nint* connection);

    /// <summary>Joins every thread of the engine; all connections must be closed. 0 means done.</summary>
    [LibraryImport(Library, EntryPoint = "chdb_shutdown")]
    public static partial int Shutdown();

    [LibraryImport(Library, EntryPoint = "chdb_query_with_params_n")]
    public static partial nint Query(
        nint connection, byte* query, nuint queryLength, byte* format, nuint formatLength,
        byte** names, nuint* nameLengths, byte** values, nuint* valueLengths, nuint count);

    [LibraryImport(Library, EntryPoint = "chdb_stream_query_with_params_n")]
    public static partial nint StreamQuery(
        nint connection, byte* query, nuint queryLength, byte* format, nuint formatLength,
        byte** names, nuint* nameLengths, byte** values, nuint* valueLengths, nuint count);

    [LibraryImport(Library, EntryPoint = "chdb_stream_fetch_result")]
    public static partial nint FetchResult(nint connection, nint stream);

    [LibraryImport(Library, EntryPoint = "chdb_stream_cancel_query")]
    public static partial void CancelQuery(nint connection, nint stream);

    [LibraryImport(Library, EntryPoint = "chdb_destroy_query_result")]
    public static partial void DestroyResult(nint result);

    [LibraryImport(Library, EntryPoint = "chdb_result_buffer")]
    public static partial byte* ResultBuffer(nint result);

    [LibraryImport(Library, EntryPoint = "chdb_result_length")]
    public static partial nuint ResultLength(nint result);

    [LibraryImport(Library, EntryPoint = "chdb_result_error")]
    public static partial byte* ResultError(nint result);

    [LibraryImport(Library, EntryPoint = "chdb_result_rows_read")]
    public static partial ulong ResultRows(nint result);

    [LibraryImport(Library, EntryPoint = "chdb_result_storage_rows_read")]
    public static partial ulong RowsRead(nint result);

    [LibraryImport(Library, EntryPoint = "chdb_result_storage_bytes_read")]
    public static partial ulong BytesRead(nint result);

    [LibraryImport(Library, EntryPoint = "chdb_result_rows_written")]
    public static partial ulong RowsWritten(nint result);

    [LibraryImport(Library, EntryPoint = "chdb_result_bytes_written")]
    public static partial ulong BytesWritten(nint result);

    [LibraryImport(Library, EntryPoint = "chdb_stream_insert_with_params_n")]
    public static partial nint StreamInsert(
        nint connection, byte* query, nuint queryLength, byte* format, nuint formatLength,
        byte** names, nuint* nameLengths, byte** values, nuint* valueLengths, nuint count);

    [LibraryImport(Library, EntryPoint = "chdb_stream_append")]
    public static partial int Append(nint insert, byte* data, nuint length);

    [LibraryImport(Library, EntryPoint = "chdb_stream_done")]
    public static partial nint FinishInsert(nint insert);

    [LibraryImport(Library, EntryPoint = "chdb_stream_cancel_insert")]
    public static partial void CancelInsert(nint insert);

    [LibraryImport(Library, EntryPoint = "chdb_stream_insert_error")]
    public static partial byte* InsertError(nint insert);

    [LibraryImport(Library, EntryPoint = "chdb_destroy_insert_stream")]
    public static partial void DestroyInsert(nint insert);
}
