using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ProjectionReplay.Sandbox.ClickHouse.Sql;

namespace ProjectionReplay.Sandbox.ClickHouse.Http;

/// <summary>
/// ClickHouse's HTTP interface over the embedded engine, on loopback, for any client that speaks
/// to a server: drivers, curl, a browser. Anyone who can reach the port may do anything; user
/// names and passwords are accepted whatever they are.
/// </summary>
internal sealed class ClickHouseHttpServer : IAsyncDisposable
{
    // Twice what a server takes. The buffer must hold a whole URL; larger ones would only keep INSERT data waiting in memory.
    private const int LongestUrl = 2 * 1024 * 1024;

    private readonly ChdbEngine _engine;
    private readonly HttpSessions _sessions;
    private readonly IdleConnections _idle;
    private readonly WebApplication _app;

    private ClickHouseHttpServer(ChdbEngine engine, int port)
    {
        _engine = engine;
        _sessions = new HttpSessions(engine);
        _idle = new IdleConnections(engine);

        // The slim builder would read appsettings.json and ASPNETCORE_URLS; the empty one does not.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(IPAddress.Loopback, port);
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.MaxRequestLineSize = LongestUrl;
            kestrel.Limits.MaxRequestHeadersTotalSize = LongestUrl;
            kestrel.Limits.MaxRequestBufferSize = LongestUrl * 2;
        });
        builder.Services.AddSingleton<Microsoft.AspNetCore.Connections.IMemoryPoolFactory<byte>>(new LargeBlockPool());
        builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(2));
        _app = builder.Build();
        _app.Run(HandleAsync);
    }

    /// <summary>The port in use.</summary>
    public int Port { get; private set; }

    /// <summary>Listens on the port, or on a free one when it is 0.</summary>
    /// <exception cref="IOException">The port is taken.</exception>
    public static async Task<ClickHouseHttpServer> StartAsync(ChdbEngine engine, int port, CancellationToken cancellationToken)
    {
        var server = new ClickHouseHttpServer(engine, port);
        await server._app.StartAsync(cancellationToken);
        var addresses = server._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!;
        server.Port = new Uri(addresses.Addresses.First()).Port;
        return server;
    }

    /// <summary>Breaks off what is running after two seconds and closes the port.</summary>
    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        _sessions.Dispose();
        _idle.Dispose();
    }

    private async Task HandleAsync(HttpContext context)
    {
        var path = context.Request.Path.Value;
        if (path is "/ping" or "/replicas_status")
        {
            await PlainAsync(context, StatusCodes.Status200OK, "Ok.\n");
        }
        else if (path is not ("/" or "/query"))
        {
            await PlainAsync(context, StatusCodes.Status404NotFound, $"There is no handle {path}\n");
        }
        else if (HttpMethods.IsGet(context.Request.Method) && !context.Request.Query.ContainsKey("query"))
        {
            await PlainAsync(context, StatusCodes.Status200OK, "Ok.\n");
        }
        else
        {
            await QueryAsync(context);
        }
    }

    private async Task QueryAsync(HttpContext context)
    {
        ClickHouseRequest request;
        try
        {
            request = await RequestReader.ReadAsync(context);
        }
        catch (Exception e) when (e is ChdbException or InvalidDataException or IOException)
        {
            request = new ClickHouseRequest { Body = Stream.Null };
            await using var failed = new ResponseWriter(context, request, _engine.Version);
            await failed.FailAsync(e is ChdbException ? e.Message : $"Code: 117. DB::Exception: {e.Message} (INCORRECT_DATA)");
            return;
        }

        await using var response = new ResponseWriter(context, request, _engine.Version);
        response.WriteCommonHeaders();
        try
        {
            await RunAsync(context, request, response);
        }
        catch (ChdbException e)
        {
            await response.FailAsync(e.Message);
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client has gone; nobody is left to tell.
        }
        catch (Exception e) when (e is InvalidDataException or IOException or ZstdSharp.ZstdException)
        {
            await response.FailAsync($"Code: 117. DB::Exception: {e.Message} (INCORRECT_DATA)");
        }
        catch (Exception e)
        {
            // A defect of the sandbox must not look like a server without a word to say.
            await Console.Error.WriteLineAsync($"ClickHouse request failed: {e}");
            await response.FailAsync($"Code: 1001. DB::Exception: {e.GetType().Name}: {e.Message} (STD_EXCEPTION)");
        }
    }

    private async Task RunAsync(HttpContext context, ClickHouseRequest request, ResponseWriter response)
    {
        using var text = await RequestText.ReadAsync(request, context.RequestAborted);
        await using var thread = EngineThread.Rent();
        var connection = await thread.Run(() => new RequestConnection(_engine, _sessions, _idle, request));
        try
        {
            SqlStatementKind kind;

            // A client that hangs up must not leave its query running: the blocked call ends with an error.
            await using (context.RequestAborted.Register(() => _ = KillAsync(connection)))
            {
                var execution = new QueryExecution(request, thread, connection.Connection, response, context.RequestAborted);
                kind = await execution.RunAsync(text);
            }

            // From here on nobody stops it; but who was asked to before may still be about to.
            connection.IsUnchanged = kind != SqlStatementKind.Other && !context.RequestAborted.IsCancellationRequested;
        }
        finally
        {
            await thread.Run(connection.Dispose);
        }
    }

    private static async Task KillAsync(RequestConnection connection)
    {
        await using var thread = EngineThread.Rent();
        await thread.Run(connection.Kill);
    }

    private static async Task PlainAsync(HttpContext context, int status, string text)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/html; charset=UTF-8";
        context.Response.Headers["X-ClickHouse-Server-Display-Name"] = "sandbox";
        await context.Response.WriteAsync(text, context.RequestAborted);
    }
}
