using System.Globalization;
using ProjectionReplay.Faults;

namespace ProjectionReplay.Configuration;

/// <summary>
/// A connection URL in its parts, percent-decoded. Read by hand, because <see cref="Uri"/> refuses or rewrites
/// passwords that operators really have.
/// </summary>
internal sealed record ServerUrl
{
    private ServerUrl()
    {
    }

    public required string Scheme { get; init; }

    public string? User { get; init; }

    public string? Password { get; init; }

    /// <summary>The host; as it was given, with ports and percent signs, where a Postgres URL names several or a socket.</summary>
    public required string Host { get; init; }

    public int? Port { get; init; }

    /// <summary>Host and port, as they were given.</summary>
    public required string Authority { get; init; }

    /// <summary>What stands behind the host's slash, without it; empty when there is nothing.</summary>
    public required string Path { get; init; }

    public required IReadOnlyList<KeyValuePair<string, string>> Query { get; init; }

    /// <summary>
    /// The URL fit for logs and messages: the password is <c>***</c>, and the query, which may hold another, is left out.
    /// </summary>
    public string Redacted
    {
        get
        {
            var credentials = User is null && Password is null ? "" : Password is null ? $"{User}@" : $"{User}:***@";
            return $"{Scheme}://{credentials}{Authority}{(Path.Length > 0 ? "/" + Path : "")}";
        }
    }

    /// <summary>Reads a URL.</summary>
    /// <param name="url">The URL.</param>
    /// <param name="name">What to call it in a message, such as <c>CLICKHOUSE_URL</c>.</param>
    /// <param name="schemes">The schemes that make sense here.</param>
    /// <exception cref="ReplayException"><see cref="ReplayError.ConnectionUrlInvalid"/>: never quotes the URL.</exception>
    public static ServerUrl Parse(string url, string name, params string[] schemes)
    {
        var text = url.Trim();
        if (text.Contains("%00", StringComparison.Ordinal) || text.Any(char.IsControl)) throw Invalid(name, "has a control character");
        var separator = text.IndexOf("://", StringComparison.Ordinal);
        var scheme = separator < 0 ? "" : text[..separator];
        if (!schemes.Contains(scheme, StringComparer.OrdinalIgnoreCase))
        {
            throw Invalid(name, $"must start with {string.Join(" or ", schemes.Select(known => known + "://"))}");
        }

        var rest = text[(separator + 3)..];
        var authorityEnd = rest.IndexOfAny(['/', '?', '#']);
        var authority = authorityEnd < 0 ? rest : rest[..authorityEnd];
        var tail = authorityEnd < 0 ? "" : rest[authorityEnd..];
        var queryStart = tail.IndexOf('?', StringComparison.Ordinal);
        var path = queryStart < 0 ? tail : tail[..queryStart];

        // The last @ ends the credentials: a password may hold one that nobody escaped.
        var at = authority.LastIndexOf('@');
        var credentials = at < 0 ? null : authority[..at];
        if (at < 0 && tail.Contains('@', StringComparison.Ordinal))
        {
            throw Invalid(name, "has an unescaped '/', '?' or '#' before its host: percent-encode the password (%2F, %3F, %23)");
        }

        if (path.Contains('@', StringComparison.Ordinal) || (at >= 0 && path.Length == 0 && tail.Contains('@', StringComparison.Ordinal)))
        {
            // The host would be a part of the password, and be told.
            throw Invalid(name, "has an unescaped '@' with a '/', '?' or '#' behind it: percent-encode the password (%40, %2F, %3F, %23)");
        }

        List<KeyValuePair<string, string>> query = [.. SplitQuery(queryStart < 0 ? "" : tail[(queryStart + 1)..])];
        var hosts = authority[(at + 1)..];
        // Several hosts, each with its port, or a socket: see PostgresHosts.
        var isForPostgres = schemes.Contains("postgresql", StringComparer.Ordinal)
            && (hosts.AsSpan().ContainsAny(',', '%') || (hosts.Length == 0 && query.Exists(pair => pair.Key == "host")));
        var (host, port) = isForPostgres ? (hosts, null) : SplitHost(hosts, name);
        var colon = credentials?.IndexOf(':', StringComparison.Ordinal) ?? -1;
        return new ServerUrl
        {
            Scheme = scheme.ToLowerInvariant(),
            User = credentials is null ? null : Decode(colon < 0 ? credentials : credentials[..colon]),
            Password = colon < 0 ? null : Decode(credentials![(colon + 1)..]),
            Host = host,
            Port = port,
            Authority = hosts,
            Path = Decode(path.TrimStart('/').TrimEnd('/')),
            Query = query,
        };
    }

    public static ReplayException Invalid(string name, string problem) => new(
        ReplayError.ConnectionUrlInvalid,
        $"The connection URL in {name} {problem}. Expected scheme://user:password@host:port/path, "
            + "with special characters in user and password percent-encoded.");

    private static (string Host, int? Port) SplitHost(string authority, string name)
    {
        var (host, port) = Split(authority, name);
        return (CheckHost(host, name), port is null ? null : ParsePort(port, name));
    }

    /// <summary>Takes a host from its port. An IPv6 address loses its brackets.</summary>
    internal static (string Host, string? Port) Split(string authority, string name)
    {
        var portStart = authority.LastIndexOf(':');
        if (authority.StartsWith('['))
        {
            var close = authority.IndexOf(']', StringComparison.Ordinal);
            if (close < 0) throw Invalid(name, "has a '[' without a ']' in its host");
            portStart = close + 1 < authority.Length && authority[close + 1] == ':' ? close + 1 : -1;
        }

        var host = (portStart < 0 ? authority : authority[..portStart]).Trim('[', ']');
        return (host, portStart < 0 ? null : authority[(portStart + 1)..]);
    }

    /// <summary>Refuses what is no name of a host.</summary>
    internal static string CheckHost(string host, string name)
    {
        if (host.Length == 0) throw Invalid(name, "has no host");
        return Uri.CheckHostName(host) != UriHostNameType.Unknown ? host : throw Invalid(
            name, "has a host with characters that no name of a host has: put in that of yours, without < >, quotes, blanks");
    }

    internal static int ParsePort(string port, string name) =>
        int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is > 0 and <= ushort.MaxValue
            ? number
            : throw Invalid(name, "has a port that is no number from 1 to 65535");

    private static IEnumerable<KeyValuePair<string, string>> SplitQuery(string query)
    {
        var fragment = query.IndexOf('#', StringComparison.Ordinal);
        if (fragment >= 0) query = query[..fragment];
        foreach (var pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            yield return equals < 0 ? new(Decode(pair), "") : new(Decode(pair[..equals]), Decode(pair[(equals + 1)..]));
        }
    }

    internal static string Decode(string part) => Uri.UnescapeDataString(part);
}
