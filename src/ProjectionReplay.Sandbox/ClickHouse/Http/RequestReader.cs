using System.IO.Compression;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;
using ZstdSharp;

namespace ProjectionReplay.Sandbox.ClickHouse.Http;

/// <summary>Reads URL, headers and form fields into a <see cref="ClickHouseRequest"/>.</summary>
internal static class RequestReader
{
    /// <summary>Reads everything but a raw body. Form fields, which hold the query's text, are read whole.</summary>
    public static async Task<ClickHouseRequest> ReadAsync(HttpContext context)
    {
        var http = context.Request;
        http.Body = Decoded(http.Body, http.Headers.ContentEncoding.ToString());

        var request = new ClickHouseRequest { Body = http.Body };
        ApplyHeaders(request, http.Headers);

        // Not http.Query, for which a and A are one.
        foreach (var pair in new QueryStringEnumerable(http.QueryString.Value))
            request.Apply(pair.DecodeName().ToString(), pair.DecodeValue().ToString());

        // Only multipart is a form here: curl -d sends a form content type with plain SQL.
        if (http.ContentType?.StartsWith("multipart/form-data", StringComparison.OrdinalIgnoreCase) == true)
        {
            await ReadFormAsync(request, http, context.RequestAborted);
        }
        return request;
    }

    /// <summary>Not as the framework reads a form: for it a and A are one, and a byte order mark is not part of the text.</summary>
    private static async Task ReadFormAsync(ClickHouseRequest request, HttpRequest http, CancellationToken cancellationToken)
    {
        var boundary = HeaderUtilities.RemoveQuotes(MediaTypeHeaderValue.Parse(http.ContentType).Boundary).ToString();
        var reader = new MultipartReader(boundary, http.Body);
        while (await reader.ReadNextSectionAsync(cancellationToken) is { } section)
        {
            if (section.GetContentDispositionHeader() is not { } disposition || !disposition.IsFormDisposition()) continue;
            using var value = new MemoryStream();
            await section.Body.CopyToAsync(value, cancellationToken);
            var name = HeaderUtilities.RemoveQuotes(disposition.Name).ToString();
            request.Apply(name, Encoding.UTF8.GetString(value.GetBuffer(), 0, (int)value.Length));
        }
    }

    private static void ApplyHeaders(ClickHouseRequest request, IHeaderDictionary headers)
    {
        if (headers.TryGetValue("X-ClickHouse-Database", out var database))
            request.Apply("database", database.ToString());
        if (headers.TryGetValue("X-ClickHouse-Format", out var format))
            request.Apply("default_format", format.ToString());
    }

    private static Stream Decoded(Stream body, string encoding) => encoding.ToUpperInvariant() switch
    {
        "" or "IDENTITY" => body,
        "GZIP" or "X-GZIP" => new GZipStream(body, CompressionMode.Decompress),
        "ZSTD" => new DecompressionStream(body),
        "BR" => new BrotliStream(body, CompressionMode.Decompress),
        "DEFLATE" => new ZLibStream(body, CompressionMode.Decompress),
        _ => throw new ChdbException($"Code: 89. DB::Exception: Unknown compression method: {encoding}. (UNKNOWN_COMPRESSION_METHOD)"),
    };
}
