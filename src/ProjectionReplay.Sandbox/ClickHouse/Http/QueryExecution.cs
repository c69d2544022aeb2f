using System.Text;
using ProjectionReplay.Sandbox.ClickHouse.Sql;

namespace ProjectionReplay.Sandbox.ClickHouse.Http;

/// <summary>Runs one request's statement on its own connection and thread and sends what comes out of it.</summary>
internal sealed class QueryExecution(
    ClickHouseRequest request, EngineThread thread, ChdbConnection connection, ResponseWriter response, CancellationToken cancellationToken)
{
    /// <returns>What kind of statement it was.</returns>
    /// <exception cref="ChdbException">The statement failed.</exception>
    public async Task<SqlStatementKind> RunAsync(RequestText text)
    {
        var statement = SqlStatement.Parse(text.Head.Span);
        if (statement.Kind == SqlStatementKind.InsertData)
        {
            await InsertAsync(text, statement);
            return statement.Kind;
        }
        if (statement.Kind == SqlStatementKind.InsertFromInput)
        {
            await InsertFromInputAsync(text, statement);
            return statement.Kind;
        }

        await text.ReadToEndAsync(cancellationToken);
        statement = SqlStatement.Parse(text.Head.Span);
        var format = statement.Format ?? request.DefaultFormat;
        if (statement.Kind == SqlStatementKind.Select && OutputFormat.Of(format).Streams && !IsOneDocument())
            await StreamAsync(text.Head, format);
        else
            await RunWholeAsync(text.Head, format);
        return statement.Kind;
    }

    /// <summary>These settings give the line formats brackets or a footer, which chunks would repeat.</summary>
    private bool IsOneDocument() =>
        ClickHouseRequest.IsOn(request.Settings.GetValueOrDefault("output_format_json_array_of_rows"))
        || ClickHouseRequest.IsOn(request.Settings.GetValueOrDefault("extremes"));

    private async Task StreamAsync(ReadOnlyMemory<byte> sql, string formatName)
    {
        var format = OutputFormat.Of(formatName);
        using var stream = await thread.Run(() => connection.StartStream(sql.Span, formatName, request.Parameters));
        var next = thread.Run(() => connection.Fetch(stream));
        try
        {
            var header = -1;
            for (; ; )
            {
                using var chunk = await next;
                if (header < 0)
                    response.Begin(formatName, format.ContentType, chunk.Statistics);
                if (chunk.Length == 0)
                    break;

                // The engine works on the next chunk while this one travels.
                next = thread.Run(() => connection.Fetch(stream));
                await response.WriteAsync(chunk, Math.Max(header, 0));
                if (header < 0)
                    header = format.Header.LengthIn(chunk.Data);
            }
            await response.EndAsync();
        }
        catch
        {
            await thread.Run(() => connection.Cancel(stream));
            if (next.IsCompletedSuccessfully)
                (await next).Dispose();
            throw;
        }
    }

    private async Task RunWholeAsync(ReadOnlyMemory<byte> sql, string format)
    {
        using var result = await thread.Run(() => connection.Query(sql.Span, format, request.Parameters));
        response.Begin(format, OutputFormat.Of(format).ContentType, result.Statistics);
        await response.WriteAsync(result, 0);
        await response.EndAsync();
    }

    private async Task InsertAsync(RequestText text, SqlStatement statement)
    {
        var sql = text.Head[..statement.Length].ToArray();
        using var insert = await thread.Run(() => connection.StartInsert(sql, statement.Format!, request.Parameters));
        try
        {
            await foreach (var data in text.DataFromAsync(statement.DataStart, cancellationToken))
                await thread.Run(() => insert.Append(data.Span));
        }
        catch
        {
            // A body that broke off must not be written as if it were complete.
            await thread.Run(insert.Dispose);
            throw;
        }
        var statistics = await thread.Run(insert.Finish);
        response.Begin(statement.Format!, "text/plain; charset=UTF-8", statistics);
        await response.EndAsync();
    }

    /// <summary>
    /// The engine reads nothing through input(), so the data goes to a file and the statement
    /// reads that file instead: same format, same structure.
    /// </summary>
    private async Task InsertFromInputAsync(RequestText text, SqlStatement statement)
    {
        var path = Path.Combine(Path.GetTempPath(), $"projection-replay-input-{Guid.NewGuid():N}");
        var sql = Encoding.UTF8.GetString(text.Head.Span[..statement.InputStart])
            + $"file({SqlText.Quote(path)}, {SqlText.Quote(statement.Format!)}, "
            + Encoding.UTF8.GetString(text.Head.Span[statement.InputEnd..statement.Length]);
        try
        {
            await using (var file = File.Create(path))
            {
                await foreach (var data in text.DataFromAsync(statement.DataStart, cancellationToken))
                    await file.WriteAsync(data, cancellationToken);
            }
            await RunWholeAsync(Encoding.UTF8.GetBytes(sql), "TabSeparated");
        }
        finally
        {
            File.Delete(path);
        }
    }
}
