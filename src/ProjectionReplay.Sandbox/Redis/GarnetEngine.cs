using System.Net;
using Garnet;
using Garnet.server;
using ProjectionReplay.Sandbox.Engines;

namespace ProjectionReplay.Sandbox.Redis;

/// <summary>A Redis-compatible server in this process (Garnet), empty at start, in memory only.</summary>
internal sealed class GarnetEngine : IDisposable
{
    private readonly GarnetServer _server;

    private GarnetEngine(GarnetServer server, int port) => (_server, Port) = (server, port);

    /// <summary>The loopback port in use.</summary>
    public int Port { get; }

    /// <summary>Listens on the port, or on a free one when it is 0.</summary>
    public static Task<GarnetEngine> StartAsync(int port) => FreePort.StartOnAsync(port, chosen =>
    {
        var server = new GarnetServer(new GarnetServerOptions
        {
            EndPoints = [new IPEndPoint(IPAddress.Loopback, chosen)],
            QuietMode = true,
            LogMemorySize = "256m",
            PageSize = "4m",
            IndexMemorySize = "8m",
            EnableLua = true,
            LuaOptions = new LuaOptions(),
            LuaTransactionMode = true,
        });
        try
        {
            server.Start();
        }
        catch
        {
            server.Dispose();
            throw;
        }
        return Task.FromResult(new GarnetEngine(server, chosen));
    });

    public void Dispose() => _server.Dispose();
}
