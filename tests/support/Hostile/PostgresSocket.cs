using System.Globalization;
using System.Net.Sockets;
using ProjectionReplay.Configuration;

namespace ProjectionReplay.Hostile;

/// <summary>A Unix socket of one test's own that leads to a real Postgres, as clients look for it: by folder and port.</summary>
internal sealed class PostgresSocket : IAsyncDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("pr-");
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly CancellationTokenSource _closing = new();
    private readonly Task _accepting;
    private int _accepted;

    /// <param name="databaseUrl">The database.</param>
    /// <param name="port">The port in the socket's name.</param>
    public PostgresSocket(string databaseUrl, int port)
    {
        _listener.Bind(new UnixDomainSocketEndPoint(
            Path.Combine(_directory.FullName, string.Create(CultureInfo.InvariantCulture, $".s.PGSQL.{port}"))));
        _listener.Listen();
        var server = ServerUrl.Parse(databaseUrl, "DATABASE_URL", "postgres", "postgresql");
        _accepting = AcceptAsync(server.Host, server.Port ?? 5432);
    }

    /// <summary>The folder that the socket is in.</summary>
    public string Folder => _directory.FullName;

    /// <summary>How many connections there were.</summary>
    public int Accepted => Volatile.Read(ref _accepted);

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        await _accepting;
        _listener.Dispose();
        _closing.Dispose();
        _directory.Delete(recursive: true);
    }

    private async Task AcceptAsync(string host, int port)
    {
        var serving = new List<Task>();
        try
        {
            while (true)
            {
                var client = await _listener.AcceptAsync(_closing.Token);
                Interlocked.Increment(ref _accepted);
                serving.Add(ServeAsync(client, host, port));
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(serving);
        }
    }

    private async Task ServeAsync(Socket client, string host, int port)
    {
        using var server = new TcpClient();
        await using var front = new NetworkStream(client, ownsSocket: true);
        try
        {
            await server.ConnectAsync(host, port, _closing.Token);
            await using var back = server.GetStream();
            await Task.WhenAny(front.CopyToAsync(back, _closing.Token), back.CopyToAsync(front, _closing.Token));
        }
        catch (Exception exception) when (exception is IOException or SocketException or OperationCanceledException)
        {
            // Either end has hung up.
        }
    }
}
