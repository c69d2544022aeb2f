using System.Text;

namespace ProjectionReplay.Sandbox.ClickHouse.Http;

/// <summary>One request of the HTTP interface, taken apart. <see cref="Body"/> is decoded and not yet read.</summary>
internal sealed class ClickHouseRequest
{
    /// <summary>The query from the URL or the form; the body continues it.</summary>
    public string Query { get; set; } = "";

    public required Stream Body { get; init; }

    public string? Database { get; set; }

    public string DefaultFormat { get; set; } = "TabSeparated";

    public string QueryId { get; set; } = Guid.NewGuid().ToString();

    public string? SessionId { get; set; }

    /// <summary>The session must exist already.</summary>
    public bool SessionCheck { get; set; }

    /// <summary>Send nothing before the query has succeeded.</summary>
    public bool WaitEndOfQuery { get; set; }

    public QueryParameters Parameters { get; } = new();

    /// <summary>Settings for this query alone.</summary>
    public Dictionary<string, string> Settings { get; } = new(StringComparer.Ordinal);

    /// <summary>The URL's query and the line break that the server puts before the body.</summary>
    public byte[] QueryBytes() => Query.Length == 0 ? [] : Encoding.UTF8.GetBytes(Query + "\n");

    /// <summary>Takes one <c>name=value</c> of the URL or the form.</summary>
    public void Apply(string name, string value)
    {
        switch (name)
        {
            case "query":
                Query = value;
                break;
            case "database":
                Database = value.Length == 0 ? null : value;
                break;
            case "default_format":
                DefaultFormat = value;
                break;
            case "query_id" when value.Length > 0:
                QueryId = value;
                break;
            case "session_id":
                SessionId = value;
                break;
            case "session_check":
                SessionCheck = IsOn(value);
                break;
            case "wait_end_of_query":
                WaitEndOfQuery = IsOn(value);
                break;
            case "compress" or "decompress" when IsOn(value):
                throw new ChdbException(
                    $"Code: 48. DB::Exception: The sandbox has no native compression ({name}); "
                        + "use Content-Encoding and Accept-Encoding. (NOT_IMPLEMENTED)");
            case "user" or "password" or "quota_key" or "role" or "query_id" or "session_timeout" or "close_session"
                or "buffer_size" or "stacktrace" or "compress" or "decompress" or "client_protocol_version":
                break; // Understood by a server; without meaning here.
            default:
                if (name.StartsWith("param_", StringComparison.Ordinal))
                    Parameters.Add(name["param_".Length..], value);
                else
                    Settings[name] = value;
                break;
        }
    }

    internal static bool IsOn(string? value) =>
        string.Equals(value, "1", StringComparison.Ordinal) || string.Equals(value, "true", StringComparison.OrdinalIgnoreCase);
}
