using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using ProjectionReplay.Configuration;

namespace ProjectionReplay.Faults;

/// <summary>
/// A way to a real server that fails when told to: a TCP proxy on loopback. Connections that it cuts are reset, both
/// ends of them, as when a machine goes down.
/// </summary>
internal sealed class FaultyLink : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _closing = new();
    private readonly ConcurrentDictionary<Connection, Task> _connections = new();
    private readonly string _host;
    private readonly int _port;
    private readonly Task _accepting;
    private volatile bool _isDown;
    private volatile TaskCompletionSource? _stall;
    private Plan? _plan;
    private int _strikes;
    private int _stalls;

    /// <param name="url">The server's URL.</param>
    public FaultyLink(string url)
    {
        var server = ServerUrl.Parse(url, "the server", "http", "redis", "postgresql", "postgres");
        (_host, _port) = (server.Host, server.Port ?? throw new ArgumentException("The URL should name a port.", nameof(url)));
        _listener.Start();
        Url = url.Replace(
            string.Create(CultureInfo.InvariantCulture, $"{_host}:{_port}"), _listener.LocalEndpoint.ToString(), StringComparison.Ordinal);
        _accepting = AcceptAsync();
    }

    /// <summary>The URL that leads through the link.</summary>
    public string Url { get; }

    /// <summary>How many times connections were reset, as planned or at once.</summary>
    public int Strikes => Volatile.Read(ref _strikes);

    /// <summary>How many times bytes were held back.</summary>
    public int Stalls => Volatile.Read(ref _stalls);

    /// <summary>Resets every connection; new ones are let through.</summary>
    public void Cut()
    {
        var open = _connections.Keys;
        foreach (var connection in open) connection.Reset();
        if (open.Count > 0) Interlocked.Increment(ref _strikes);
    }

    /// <summary>Resets every connection, and whoever connects, until <see cref="Restore"/>.</summary>
    public void TakeDown()
    {
        _isDown = true;
        Cut();
    }

    /// <summary>Holds every byte back until <see cref="Restore"/>.</summary>
    public void Stall() => _stall ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Lets everything through again.</summary>
    public void Restore()
    {
        _isDown = false;
        var stall = _stall;
        _stall = null;
        stall?.SetResult();
    }

    /// <summary>Cuts, once, as the next request that holds a text arrives: the server never sees it.</summary>
    public void LoseRequest(string text = "") => _plan = new Plan(Encoding.UTF8.GetBytes(text), AnswerBytes: null);

    /// <summary>Cuts, once, after some bytes of the answer to the next request that holds a text: the server has done it.</summary>
    public void LoseAnswer(string text = "", int afterBytes = 0) => _plan = new Plan(Encoding.UTF8.GetBytes(text), afterBytes);

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        _listener.Stop();
        Restore();
        Cut();
        await _accepting;
        await Task.WhenAll(_connections.Values);
        _listener.Dispose();
        _closing.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var connection = new Connection(await _listener.AcceptSocketAsync(_closing.Token));
                if (_isDown) connection.Reset();
                else _connections[connection] = ServeAsync(connection);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException)
        {
            // Closed.
        }
    }

    private async Task ServeAsync(Connection connection)
    {
        await Task.Yield();
        try
        {
            await connection.Server.ConnectAsync(_host, _port, _closing.Token);
            await Task.WhenAny(PumpAsync(connection, isAnswer: false), PumpAsync(connection, isAnswer: true));
            connection.Close();
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            connection.Reset();
        }
        finally
        {
            _connections.TryRemove(connection, out _);
        }
    }

    private async Task PumpAsync(Connection connection, bool isAnswer)
    {
        var (from, to) = isAnswer ? (connection.Server, connection.Client) : (connection.Client, connection.Server);
        var buffer = new byte[64 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer, _closing.Token) is > 0 and var count)
            {
                if (_stall is { } stall)
                {
                    Interlocked.Increment(ref _stalls);
                    await stall.Task;
                }

                var passing = Judge(connection, buffer.AsSpan(0, count), isAnswer);
                for (var sent = 0; sent < (passing ?? count);)
                {
                    sent += await to.SendAsync(buffer.AsMemory(sent, (passing ?? count) - sent), _closing.Token);
                }

                if (passing is null) continue;
                Cut();
                return;
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            connection.Reset();
        }
    }

    /// <summary>How many of the bytes pass before the link is cut; null when it is not.</summary>
    private int? Judge(Connection connection, ReadOnlySpan<byte> bytes, bool isAnswer)
    {
        if (Volatile.Read(ref _plan) is not { } plan) return null;
        if (!isAnswer)
        {
            if (connection.AnswerLeft is null && bytes.IndexOf(plan.Request) >= 0)
            {
                if (plan.AnswerBytes is null) return Take(plan) ? 0 : null;
                connection.AnswerLeft = plan.AnswerBytes;
            }

            return null;
        }

        if (connection.AnswerLeft is not { } left) return null;
        if (bytes.Length <= left)
        {
            connection.AnswerLeft = left - bytes.Length;
            return null;
        }

        return Take(plan) ? left : null;
    }

    private bool Take(Plan plan) => ReferenceEquals(Interlocked.CompareExchange(ref _plan, null, plan), plan);

    private sealed record Plan(byte[] Request, int? AnswerBytes);

    private sealed class Connection(Socket client)
    {
        public Socket Client { get; } = client;

        public Socket Server { get; } = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

        /// <summary>Bytes of the answer that may still pass, once the request that was waited for has come.</summary>
        public int? AnswerLeft { get; set; }

        public void Reset()
        {
            Client.Close(timeout: 0);
            Server.Close(timeout: 0);
        }

        public void Close()
        {
            Client.Dispose();
            Server.Dispose();
        }
    }
}
