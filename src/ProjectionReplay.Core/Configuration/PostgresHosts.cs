using System.Globalization;

namespace ProjectionReplay.Configuration;

/// <summary>
/// The servers that a Postgres URL names, by the rules of libpq
/// (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS): several hosts with a port for all or one
/// for each, and folders of sockets. Its text form is fit for messages.
/// </summary>
internal sealed class PostgresHosts
{
    private const int DefaultPort = 5432;

    private readonly IReadOnlyList<(string Host, int Port)> _hosts;

    private PostgresHosts(IReadOnlyList<(string Host, int Port)> hosts) => _hosts = hosts;

    /// <summary>The hosts as the client wants them: each with its port when there are several.</summary>
    public string Names => _hosts is [var only] ? only.Host : ToString();

    /// <summary>The port of a single host.</summary>
    public int Port => _hosts is [var only] ? only.Port : DefaultPort;

    /// <summary>Reads them.</summary>
    /// <param name="url">The URL.</param>
    /// <param name="named">The parameter <c>host</c>, which takes the place of the hosts before the path; or null.</param>
    /// <param name="ports">The parameter <c>port</c>, likewise; or null.</param>
    /// <param name="source">What to call the URL in a message.</param>
    /// <exception cref="Faults.ReplayException">They make no sense, or the client cannot do it.</exception>
    public static PostgresHosts Read(ServerUrl url, string? named, string? ports, string source)
    {
        var given = url.Authority.Split(',').Select(authority => ServerUrl.Split(authority, source)).ToArray();
        string[] hosts = named is not null
            ? [.. named.Split(',').Select(host => host.Trim('[', ']'))]
            : [.. given.Select(pair => ServerUrl.Decode(pair.Host))];
        int[] numbers = ports is not null
            ? [.. ports.Split(',').Select(port => Parse(port, source))]
            : [.. given.Select(pair => Parse(pair.Port, source))];
        if (numbers.Length != 1 && numbers.Length != hosts.Length)
        {
            throw ServerUrl.Invalid(source, string.Create(
                CultureInfo.InvariantCulture,
                $"names {hosts.Length} hosts and {numbers.Length} ports: give one port for all, or one for each host"));
        }

        return new([.. hosts.Select((host, i) => (Check(host, hosts.Length > 1, source), numbers.Length == 1 ? numbers[0] : numbers[i]))]);
    }

    /// <inheritdoc/>
    public override string ToString() => string.Join(',', _hosts.Select(pair => string.Create(
        CultureInfo.InvariantCulture, $"{(IsAddress6(pair.Host) ? $"[{pair.Host}]" : pair.Host)}:{pair.Port}")));

    private static int Parse(string? port, string source) =>
        string.IsNullOrWhiteSpace(port) ? DefaultPort : ServerUrl.ParsePort(port.Trim(), source);

    private static string Check(string host, bool isOneOfSeveral, string source)
    {
        if (!IsSocket(host)) return ServerUrl.CheckHost(host, source);

        // The client would take it for two, or for a port.
        return host.Contains(',', StringComparison.Ordinal) || (isOneOfSeveral && host.Contains(':', StringComparison.Ordinal))
            ? throw ServerUrl.Invalid(source, "has a socket's folder with a ',' or ':' in its name, which is not possible here")
            : host;
    }

    /// <summary>A folder of sockets, or a socket without a file.</summary>
    private static bool IsSocket(string host) => Path.IsPathRooted(host) || host.StartsWith('@');

    private static bool IsAddress6(string host) => !IsSocket(host) && host.Contains(':', StringComparison.Ordinal);
}
