namespace ProjectionReplay.Sandbox.ClickHouse.Sql;

/// <summary>What streaming has to know of an output format.</summary>
/// <param name="Streams">Chunks can simply follow each other, apart from a repeated header.</param>
/// <param name="ContentType">The HTTP content type.</param>
/// <param name="Header">What each chunk begins with.</param>
internal sealed record OutputFormat(bool Streams, string ContentType, FormatHeader Header)
{
    private const string Text = "text/plain; charset=UTF-8";
    private const string Tabs = "text/tab-separated-values; charset=UTF-8";
    private const string Csv = "text/csv; charset=UTF-8";
    private const string JsonLines = "application/x-ndjson; charset=UTF-8";
    private const string Json = "application/json; charset=UTF-8";
    private const string Binary = "application/octet-stream";

    private static readonly Dictionary<string, OutputFormat> s_known = Known();

    /// <summary>The format of this name; unknown ones, and those with a footer, are not streamed.</summary>
    public static OutputFormat Of(string name) => s_known.GetValueOrDefault(name) ?? new(false, Text, FormatHeader.None);

    private static Dictionary<string, OutputFormat> Known()
    {
        var formats = new Dictionary<string, OutputFormat>(StringComparer.OrdinalIgnoreCase);

        void Streamed(string contentType, params string[] names) => AddAll(formats, names, new(true, contentType, FormatHeader.None));
        void Whole(string contentType, params string[] names) => AddAll(formats, names, new(false, contentType, FormatHeader.None));
        void WithHeaders(string contentType, bool quoted, params string[] names)
        {
            foreach (var name in names)
            {
                formats[name] = new(true, contentType, FormatHeader.None);
                formats[name + "WithNames"] = new(true, contentType, quoted ? FormatHeader.OneQuotedLine : FormatHeader.OneLine);
                formats[name + "WithNamesAndTypes"] = new(true, contentType, quoted ? FormatHeader.TwoQuotedLines : FormatHeader.TwoLines);
            }
        }

        WithHeaders(Tabs, false, "TabSeparated", "TSV", "TabSeparatedRaw", "TSVRaw", "Raw");
        WithHeaders(Csv, true, "CSV");
        WithHeaders(JsonLines, false, "JSONCompactEachRow", "JSONCompactStringsEachRow");
        Streamed(JsonLines, "JSONEachRow", "JSONLines", "NDJSON", "JSONStringsEachRow");
        Streamed(Text, "TSKV", "LineAsString");
        Streamed(Binary, "RowBinary", "Native", "RawBLOB");
        formats["RowBinaryWithNames"] = new(true, Binary, FormatHeader.BinaryNames);
        formats["RowBinaryWithNamesAndTypes"] = new(true, Binary, FormatHeader.BinaryNamesAndTypes);
        Whole(Json, "JSON", "JSONCompact", "JSONStrings", "JSONCompactStrings", "JSONColumns", "JSONCompactColumns");
        Whole(Json, "JSONColumnsWithMetadata", "JSONObjectEachRow");
        Whole("application/xml; charset=UTF-8", "XML");
        Whole(Binary, "Parquet", "Arrow", "ArrowStream", "ORC", "Avro", "MsgPack", "BSONEachRow", "Npy");
        return formats;
    }

    private static void AddAll(Dictionary<string, OutputFormat> formats, string[] names, OutputFormat format)
    {
        foreach (var name in names)
            formats[name] = format;
    }
}
