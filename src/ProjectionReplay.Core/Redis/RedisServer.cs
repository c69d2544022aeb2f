using ProjectionReplay.Faults;
using StackExchange.Redis;

namespace ProjectionReplay.Redis;

/// <summary>The Redis that coordinates with the live system, opened for one run.</summary>
internal sealed class RedisServer : IAsyncDisposable
{
    /// <summary>A name that replays use, which a user's rights are about: whether such a key is there does not matter.</summary>
    private const string DatabaseProbe = "projection-replay:lock:";

    private readonly ConnectionMultiplexer _multiplexer;

    private RedisServer(ConnectionMultiplexer multiplexer, Patience? patience)
    {
        _multiplexer = multiplexer;
        Retries = new Retries(RedisFaults.Rules, patience ?? Patience.None);
    }

    /// <summary>What the ports make their calls with.</summary>
    public Retries Retries { get; }

    public IDatabase Database => _multiplexer.GetDatabase();

    /// <summary>Whether keys live in slots, so that no command and no transaction may span two that are called differently.</summary>
    public bool IsCluster => Array.Exists(_multiplexer.GetServers(), server => server.ServerType == ServerType.Cluster);

    /// <summary>The servers that answered, replicas included.</summary>
    public IReadOnlyList<IServer> Connected => [.. _multiplexer.GetServers().Where(server => server.IsConnected)];

    private IEnumerable<IServer> Primaries => _multiplexer.GetServers().Where(server => server is { IsConnected: true, IsReplica: false });

    /// <summary>Connects, and makes sure of the login.</summary>
    /// <param name="options">The server.</param>
    /// <param name="name">Its URL without the password, for messages.</param>
    /// <param name="patience">How often calls are made again, this one first.</param>
    /// <param name="cancellationToken">Abandons the work.</param>
    /// <exception cref="ReplayException">The server is out of reach, or refused user or password.</exception>
    public static Task<RedisServer> ConnectAsync(
        ConfigurationOptions options, string name, Patience patience, CancellationToken cancellationToken) =>
        new Retries(RedisFaults.Rules, patience).CallAsync(
            $"Connecting to {name}", token => ConnectAsync(options, token, patience), cancellationToken);

    /// <summary>The same, once.</summary>
    /// <exception cref="RedisException">The server is out of reach, or refused user or password.</exception>
    public static async Task<RedisServer> ConnectAsync(
        ConfigurationOptions options, CancellationToken cancellationToken, Patience? patience = null)
    {
        var server = new RedisServer(await OpenAsync(options).WaitAsync(cancellationToken).ConfigureAwait(false), patience);
        try
        {
            await server.LogInAsync(options, cancellationToken).ConfigureAwait(false);
            await server.RequireDatabaseAsync(cancellationToken).ConfigureAwait(false);
            return server;
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static async Task<ConnectionMultiplexer> OpenAsync(ConfigurationOptions options)
    {
        try
        {
            return await ConnectionMultiplexer.ConnectAsync(options).ConfigureAwait(false);
        }
        catch (RedisConnectionException exception)
        {
            throw new RedisConnectionException(
                exception.FailureType, CommandFlags.None, Describe(exception, options.Ssl), exception, exception.CommandStatus);
        }
    }

    /// <summary>What the client says, without its advice to programmers, and with a word about TLS, which it has none about.</summary>
    private static string Describe(RedisConnectionException exception, bool isSecure)
    {
        const string Advice = " To allow this multiplexer";
        var text = exception.Message;
        if (text.IndexOf(Advice, StringComparison.Ordinal) is >= 0 and var start) text = text[..start];
        if (exception.FailureType == ConnectionFailureType.AuthenticationFailure && !isSecure) return text;
        return isSecure
            ? text + " The URL asks for TLS (rediss://): if the server speaks none on that port, redis:// is for it; "
                + "if its certificate is of a private authority, add ?sslrootcert=<file>."
            : text + " If the server speaks TLS on that port, rediss:// is for it.";
    }

    /// <summary>The client does not ask for the database until the first command, and says little then.</summary>
    private async Task RequireDatabaseAsync(CancellationToken cancellationToken)
    {
        if (Database.Database == 0) return;
        try
        {
            await Database.KeyExistsAsync(DatabaseProbe).WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is RedisCommandException
            || exception is RedisException && exception.ToString().Contains("DB index", StringComparison.OrdinalIgnoreCase))
        {
            throw new ReplayException(
                ReplayError.ConnectionUrlInvalid,
                $"Redis has no database {Database.Database}: {exception.Message.TrimEnd('.')}. "
                    + "Correct the number at the end of REDIS_URL (or -RedisUrl); a cluster has database 0 only.",
                exception);
        }
    }

    /// <summary>The keys that match a pattern, over all primaries. Scans: never blocks the server.</summary>
    public async IAsyncEnumerable<string> ScanAsync(
        string pattern, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var server in Primaries)
        {
            var keys = server.KeysAsync(Database.Database, pattern, pageSize: 1000).Abandonable(cancellationToken);
            await foreach (var key in keys.ConfigureAwait(false)) yield return key.ToString();
        }
    }

    /// <summary>
    /// Hangs up at once. What matters was waited for before: to wait for the rest, as the client would by itself, takes
    /// as long as a server that has fallen silent is given for an answer.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        await _multiplexer.CloseAsync(allowCommandsToComplete: false).ConfigureAwait(false);
        await _multiplexer.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>
    /// Logs in once more and looks at the answer. The client did so when it connected, but goes on as whoever needs no
    /// password when the server refused: keys might be read and written that are not meant, on a server that is not.
    /// </summary>
    private async Task LogInAsync(ConfigurationOptions options, CancellationToken cancellationToken)
    {
        if (options.Password is not { } password) return;
        object[] credentials = options.User is { } user ? [user, password] : [password];
        foreach (var server in Primaries)
        {
            try
            {
                await server.ExecuteAsync("AUTH", credentials).WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (RedisServerException exception) when (IsUnknown(exception.Message))
            {
                // A proxy that logs in on its own account: there is nothing to be sure of.
            }
        }

        static bool IsUnknown(string answer) =>
            answer.StartsWith("NOPERM", StringComparison.Ordinal)
                || answer.StartsWith("ERR unknown command", StringComparison.OrdinalIgnoreCase);
    }
}
