using System.Net;
using System.Net.Sockets;

namespace ProjectionReplay.Sandbox.Engines;

/// <summary>Finds a free loopback port for an engine that cannot choose one itself.</summary>
internal static class FreePort
{
    /// <summary>A port that was free a moment ago. Another process may still take it first.</summary>
    public static int Find()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Starts an engine on the wanted port, or, when that is 0, on free ones until it succeeds.</summary>
    public static async Task<T> StartOnAsync<T>(int wanted, Func<int, Task<T>> start)
    {
        const int Attempts = 3;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await start(wanted == 0 ? Find() : wanted);
            }
            catch (Exception e) when (wanted == 0 && attempt < Attempts && e is not OperationCanceledException)
            {
                // Most likely the port went to somebody else; a lasting reason shows on the last attempt.
            }
        }
    }
}
