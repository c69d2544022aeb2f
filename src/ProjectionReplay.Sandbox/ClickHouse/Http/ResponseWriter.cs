using System.Buffers;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using Microsoft.AspNetCore.Http;
using ZstdSharp;

namespace ProjectionReplay.Sandbox.ClickHouse.Http;

/// <summary>
/// Sends a result as it comes, compressed if the client asked for it. The status and headers
/// leave with the first bytes; an error before that becomes a proper error response, one after
/// that breaks the connection, so that no client takes a part for the whole.
/// </summary>
internal sealed class ResponseWriter(HttpContext context, ClickHouseRequest request, string version) : IAsyncDisposable
{
    private const int SliceLength = 64 * 1024;

    private readonly byte[] _slice = ArrayPool<byte>.Shared.Rent(SliceLength);
    private Stream? _output;
    private FileStream? _spool;

    /// <summary>Headers that every response has, whatever becomes of the query.</summary>
    public void WriteCommonHeaders()
    {
        var headers = context.Response.Headers;
        headers["X-ClickHouse-Server-Display-Name"] = "sandbox";
        headers["X-ClickHouse-Query-Id"] = request.QueryId;
        headers["X-ClickHouse-Timezone"] = "UTC";
    }

    /// <summary>Sets the headers of a successful result.</summary>
    public void Begin(string format, string contentType, QueryStatistics statistics)
    {
        var response = context.Response;
        response.ContentType = contentType;
        response.Headers["X-ClickHouse-Format"] = format;
        response.Headers["X-ClickHouse-Summary"] = Summary(statistics);
        if (request.WaitEndOfQuery)
            _output = _spool = CreateSpool();
        else
            OpenOutput();
    }

    /// <summary>Sends bytes that the engine owns, in slices, at the client's pace.</summary>
    public async Task WriteAsync(ChdbResult chunk, int offset)
    {
        while (offset < chunk.Length)
        {
            var count = Math.Min(SliceLength, chunk.Length - offset);
            chunk.Data.Slice(offset, count).CopyTo(_slice);
            await _output!.WriteAsync(_slice.AsMemory(0, count), context.RequestAborted);

            // Kestrel swallows writes to a connection that is gone.
            context.RequestAborted.ThrowIfCancellationRequested();
            offset += count;
        }
    }

    /// <summary>Sends what is left. Nothing else may follow.</summary>
    public async Task EndAsync()
    {
        if (_spool is not null)
        {
            OpenOutput();
            _spool.Position = 0;
            await _spool.CopyToAsync(_output!, context.RequestAborted);
        }
        if (_output is not null && _output != context.Response.Body)
            await _output.DisposeAsync();
        _output = null;
    }

    /// <summary>Reports an error, or breaks the connection when part of the result has left.</summary>
    public async Task FailAsync(string message)
    {
        var response = context.Response;
        if (response.HasStarted)
        {
            context.Abort();
            return;
        }

        // What a compressing stream still holds belongs to a result that will not come.
        _output = null;
        var code = ErrorStatus.CodeOf(message);
        var text = message.Contains("(version ", StringComparison.Ordinal) ? message : $"{message} (version {version})";
        response.StatusCode = ErrorStatus.StatusOf(code);
        response.ContentType = "text/plain; charset=UTF-8";
        response.Headers.Remove("Content-Encoding");
        response.Headers.Remove("X-ClickHouse-Format");
        response.Headers["X-ClickHouse-Exception-Code"] = code.ToString(CultureInfo.InvariantCulture);
        await response.Body.WriteAsync(Encoding.UTF8.GetBytes(text + "\n"), context.RequestAborted);
    }

    public async ValueTask DisposeAsync()
    {
        ArrayPool<byte>.Shared.Return(_slice);
        if (_spool is not null)
            await _spool.DisposeAsync();
    }

    private void OpenOutput()
    {
        var body = context.Response.Body;
        var encoding = request.Settings.TryGetValue("enable_http_compression", out var on) && ClickHouseRequest.IsOn(on)
            ? ChosenEncoding(context.Request.Headers.AcceptEncoding.ToString())
            : null;
        if (encoding is not null)
            context.Response.Headers.ContentEncoding = encoding;
        _output = encoding switch
        {
            "gzip" => new GZipStream(body, CompressionLevel.Fastest, leaveOpen: true),
            "zstd" => new CompressionStream(body, level: 1, leaveOpen: true),
            _ => body,
        };
    }

    private static string? ChosenEncoding(string accepted) =>
        accepted.Contains("gzip", StringComparison.OrdinalIgnoreCase) ? "gzip"
        : accepted.Contains("zstd", StringComparison.OrdinalIgnoreCase) ? "zstd"
        : null;

    private static FileStream CreateSpool() => new(
        Path.Combine(Path.GetTempPath(), Path.GetRandomFileName()), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None,
        bufferSize: SliceLength, FileOptions.DeleteOnClose | FileOptions.Asynchronous);

    private static string Summary(QueryStatistics statistics) => string.Create(CultureInfo.InvariantCulture, $$"""
        {"read_rows":"{{statistics.ReadRows}}","read_bytes":"{{statistics.ReadBytes}}",
        "written_rows":"{{statistics.WrittenRows}}","written_bytes":"{{statistics.WrittenBytes}}",
        "total_rows_to_read":"0","result_rows":"{{statistics.ResultRows}}","result_bytes":"0","elapsed_ns":"0"}
        """).ReplaceLineEndings("");
}
