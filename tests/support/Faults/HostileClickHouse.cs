using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ProjectionReplay.Configuration;

namespace ProjectionReplay.Faults;

/// <summary>What becomes of an answer.</summary>
public enum AnswerFault
{
    /// <summary>It ends, well formed, where the fault is: a proxy with a limit, an overflow mode of "break".</summary>
    EndsEarly,

    /// <summary>A server before 24: the error's text comes where the next row should, and the answer ends well formed.</summary>
    ErrorText,

    /// <summary>A server of 24 and 25: a mark, the error's text, and the connection is cut.</summary>
    MarkedError,

    /// <summary>A server of 25.11 and later: a block with the answer's tag, and the connection is cut.</summary>
    TaggedError,

    /// <summary>The same behind a proxy that mends the answer's form.</summary>
    TaggedErrorMended,

    /// <summary>The connection is cut without a word.</summary>
    Cut,

    /// <summary>The status is 200, a header tells of an error, the body has its text.</summary>
    ErrorHeader,

    /// <summary>The same without a body.</summary>
    BareErrorHeader,

    /// <summary>A proxy's page in place of the server's answer.</summary>
    BadGateway,
}

/// <summary>Where an answer goes wrong.</summary>
/// <param name="Kind">How.</param>
/// <param name="AfterBytes">Bytes of the answer that come before; shorter answers are left alone.</param>
/// <param name="AfterRows">Rows of the answer that come, in place of bytes: the fault is at a row's end.</param>
internal sealed record AnswerPlan(AnswerFault Kind, int AfterBytes = 0, int? AfterRows = null);

/// <summary>
/// A ClickHouse server as others have it: a real one behind a front, on loopback, that has a settings profile, limits, and
/// answers that go wrong when they are told to.
/// </summary>
internal sealed class HostileClickHouse : IAsyncDisposable
{
    public const string MemoryLimit =
        "Code: 241. DB::Exception: Memory limit (total) exceeded: would use 9.32 GiB (attempt to allocate chunk of 4194304 bytes), "
            + "maximum: 9.31 GiB. (MEMORY_LIMIT_EXCEEDED) (version 23.8.16.40 (official build))\n";

    private const string Tag = "PU1FNUFH98ABCDEF";

    /// <summary>What a user with readonly = 1 may send in a URL: names that are no settings.</summary>
    private static readonly HashSet<string> NoSettings = new(
        ["database", "query", "query_id", "default_format", "wait_end_of_query", "session_id", "user", "password", "role"],
        StringComparer.Ordinal);

    private readonly WebApplication _front;
    private readonly Uri _server;
    private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromMinutes(2) };

    private int _strikes;

    private HostileClickHouse(string url)
    {
        var server = ServerUrl.Parse(url, "the server", "http");
        _server = new Uri($"http://{server.Host}:{server.Port}/");
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0);
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MaxRequestLineSize = 2 * 1024 * 1024;
            kestrel.Limits.MaxRequestBufferSize = 4 * 1024 * 1024;
        });
        builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(host => host.ShutdownTimeout = TimeSpan.Zero);
        _front = builder.Build();
        _front.Run(HandleAsync);
    }

    /// <summary>The URL that leads through the front.</summary>
    public string Url { get; private set; } = "";

    /// <summary>Settings that the user has unless a query says otherwise.</summary>
    public Dictionary<string, string> Profile { get; } = new(StringComparer.Ordinal);

    /// <summary>What becomes of the answer to a query; null for nothing.</summary>
    public Func<string, AnswerPlan?> Judge { get; set; } = _ => null;

    /// <summary>Longer URLs are refused, as by nginx.</summary>
    public int LongestUrl { get; set; } = int.MaxValue;

    /// <summary>Makes another query of one, such as one of a table that stands for another; the server is asked that.</summary>
    public Func<string, string> Rewrite { get; set; } = query => query;

    /// <summary>The queries that came, in their order.</summary>
    public ConcurrentQueue<string> Queries { get; } = new();

    /// <summary>What was asked for, in the order of the queries.</summary>
    public ConcurrentQueue<string> Urls { get; } = new();

    /// <summary>How many answers went wrong.</summary>
    public int Strikes => _strikes;

    /// <summary>Starts a front before a server.</summary>
    public static async Task<HostileClickHouse> StartAsync(string url)
    {
        var hostile = new HostileClickHouse(url);
        await hostile._front.StartAsync();
        var address = new Uri(
            hostile._front.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        hostile.Url = url.Replace(hostile._server.Authority, address.Authority, StringComparison.Ordinal);
        return hostile;
    }

    public async ValueTask DisposeAsync()
    {
        await _front.DisposeAsync();
        _client.Dispose();
    }

    private async Task HandleAsync(HttpContext context)
    {
        var target = context.Request.Path + context.Request.QueryString.ToString();
        if (target.Length > LongestUrl)
        {
            await RefuseAsync(context, 414, "<html><head><title>414 Request-URI Too Large</title></head></html>", "nginx/1.24.0");
            return;
        }

        using var content = new MemoryStream();
        await context.Request.Body.CopyToAsync(content, context.RequestAborted);
        var body = content.ToArray();
        var text = (context.Request.Query["query"].ToString() + "\n" + Encoding.Latin1.GetString(body)).Trim();
        var sent = context.Request.Query.Keys.Where(name => !NoSettings.Contains(name)).ToList();
        var isChange = text.Contains("\nSETTINGS ", StringComparison.Ordinal) || sent.Exists(IsChange);
        if (isChange && Profile.GetValueOrDefault("readonly") == "1")
        {
            context.Response.Headers["X-ClickHouse-Exception-Code"] = "164";
            await RefuseAsync(
                context,
                500,
                $"Code: 164. DB::Exception: Cannot modify '{sent.Find(IsChange)}' setting in readonly mode. (READONLY) (version 25.8)\n",
                null);
            return;
        }

        Queries.Enqueue(text);
        Urls.Enqueue(target);
        var latin1 = Encoding.Latin1.GetString(body);
        var rewritten = Rewrite(latin1);
        if (!ReferenceEquals(rewritten, latin1)) body = Encoding.Latin1.GetBytes(rewritten);
        var plan = Judge(text);
        if (plan?.AfterRows is { } rows) body = WithLimit(body, rows);
        foreach (var (name, value) in Profile.Where(setting => !context.Request.Query.ContainsKey(setting.Key)))
        {
            target += $"&{name}={Uri.EscapeDataString(value)}";
        }

        await ForwardAsync(context, target, body, plan);

        // To send what a setting is already is no change.
        bool IsChange(string name) => name switch
        {
            "enable_http_compression" => context.Request.Query[name] is not ["0" or "false"],
            "limit" or "offset" => context.Request.Query[name] != Profile.GetValueOrDefault(name, "0"),
            _ => true,
        };
    }

    private async Task ForwardAsync(HttpContext context, string target, byte[] body, AnswerPlan? plan)
    {
        using var request = new HttpRequestMessage(new HttpMethod(context.Request.Method), new Uri(_server, target))
        {
            Content = new ByteArrayContent(body),
        };
        foreach (var (name, values) in context.Request.Headers)
        {
            if (name is "Host" or "Content-Length" or "Transfer-Encoding") continue;

            // The faults are put into what is not compressed.
            if (name == "Accept-Encoding" && plan is not null) continue;
            var isOfRequest = request.Headers.TryAddWithoutValidation(name, values.ToArray());
            if (!isOfRequest) request.Content.Headers.TryAddWithoutValidation(name, values.ToArray());
        }

        if (plan is { Kind: AnswerFault.BadGateway })
        {
            Interlocked.Increment(ref _strikes);
            await RefuseAsync(context, 502, "<html><body><h1>502 Bad Gateway</h1></body></html>", "nginx/1.24.0");
            return;
        }

        if (plan is { Kind: AnswerFault.ErrorHeader or AnswerFault.BareErrorHeader })
        {
            Interlocked.Increment(ref _strikes);
            context.Response.Headers["X-ClickHouse-Exception-Code"] = "241";
            if (plan.Kind == AnswerFault.ErrorHeader) await context.Response.WriteAsync(MemoryLimit, context.RequestAborted);
            return;
        }

        using var answer = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, context.RequestAborted);
        context.Response.StatusCode = (int)answer.StatusCode;
        foreach (var (name, values) in answer.Headers.Concat(answer.Content.Headers))
        {
            if (name is not ("Transfer-Encoding" or "Content-Length" or "Date" or "Connection" or "Keep-Alive"))
            {
                context.Response.Headers[name] = values.ToArray();
            }
        }

        var isTagged = plan is { Kind: AnswerFault.TaggedError or AnswerFault.TaggedErrorMended };
        if (isTagged) context.Response.Headers["X-ClickHouse-Exception-Tag"] = Tag;
        await using var stream = await answer.Content.ReadAsStreamAsync(context.RequestAborted);
        if (plan is null || !answer.IsSuccessStatusCode)
        {
            await context.Response.StartAsync(context.RequestAborted);
            await stream.CopyToAsync(context.Response.Body, context.RequestAborted);
            return;
        }

        await SpoilAsync(context, stream, plan);
    }

    private async Task SpoilAsync(HttpContext context, Stream stream, AnswerPlan plan)
    {
        using var whole = new MemoryStream();
        await stream.CopyToAsync(whole, context.RequestAborted);
        var bytes = whole.ToArray();
        if (plan.AfterRows is null)
        {
            if (bytes.Length <= plan.AfterBytes)
            {
                await context.Response.Body.WriteAsync(bytes, context.RequestAborted);
                return;
            }

            bytes = bytes[..plan.AfterBytes];
        }

        Interlocked.Increment(ref _strikes);
        await context.Response.Body.WriteAsync(bytes, context.RequestAborted);
        var words = plan.Kind switch
        {
            AnswerFault.ErrorText => MemoryLimit,
            AnswerFault.MarkedError => "__exception__\r\n" + MemoryLimit,
            AnswerFault.TaggedError or AnswerFault.TaggedErrorMended => string.Create(
                CultureInfo.InvariantCulture,
                $"\r\n__exception__\r\n{Tag}\r\n{MemoryLimit}{MemoryLimit.Length} {Tag}\r\n__exception__\r\n"),
            _ => "",
        };
        await context.Response.WriteAsync(words, context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
        if (plan.Kind is AnswerFault.Cut or AnswerFault.MarkedError or AnswerFault.TaggedError) context.Abort();
    }

    /// <summary>Has the server send no more than some rows of a query that has no limit of its own.</summary>
    private static byte[] WithLimit(byte[] body, int rows)
    {
        var text = Encoding.Latin1.GetString(body);
        if (text.Contains("LIMIT", StringComparison.Ordinal)) return body;
        var at = text.LastIndexOf("\nSETTINGS ", StringComparison.Ordinal);
        if (at < 0) at = text.LastIndexOf("\nFORMAT RowBinary", StringComparison.Ordinal);
        return at < 0 ? body : Encoding.Latin1.GetBytes(text.Insert(at, string.Create(CultureInfo.InvariantCulture, $"\nLIMIT {rows}")));
    }

    private static async Task RefuseAsync(HttpContext context, int status, string words, string? server)
    {
        context.Response.StatusCode = status;
        if (server is not null) context.Response.Headers.Server = server;
        await context.Response.WriteAsync(words, context.RequestAborted);
    }
}
