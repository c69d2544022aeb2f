using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Text;
using ClickHouse.Driver;

namespace ProjectionReplay.ClickHouse;

/// <summary>
/// Looks at the head of each answer before the driver does: a status of success is not always one, and an error is not
/// always the server's.
/// </summary>
internal sealed class ServerAnswers : DelegatingHandler
{
    private const string ErrorCodeHeader = "X-ClickHouse-Exception-Code";

    /// <summary>What every error of ClickHouse itself says. One without it comes from a proxy before it.</summary>
    public const string ErrorMark = "DB::Exception";

    private const int LongestError = 64 * 1024;

    private volatile bool _hasAnswered;

    private ServerAnswers(HttpMessageHandler inner)
        : base(inner)
    {
    }

    /// <summary>A client for the driver, which answers go through. The caller disposes of it.</summary>
    public static HttpClient CreateClient(TimeSpan timeout) => new(new ServerAnswers(new SocketsHttpHandler
    {
        // The driver decompresses. And servers close what is idle for some seconds.
        AutomaticDecompression = DecompressionMethods.None,
        Proxy = new RemoteProxy(HttpClient.DefaultProxy),
        PooledConnectionIdleTimeout = TimeSpan.FromSeconds(5),
    }))
    {
        Timeout = timeout,
    };

    /// <inheritdoc/>
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = await AskAsync(request, cancellationToken).ConfigureAwait(false);
        _hasAnswered = true;
        var hasErrorCode = response.Headers.TryGetValues(ErrorCodeHeader, out var codes);
        if (response.IsSuccessStatusCode && !hasErrorCode) return response;
        using (response)
        {
            var words = await ReadTextAsync(response.Content, cancellationToken).ConfigureAwait(false);
            if (words.Contains(ErrorMark, StringComparison.Ordinal)) throw ClickHouseServerException.FromServerResponse(words, "");
            if (hasErrorCode)
            {
                throw ClickHouseServerException.FromServerResponse(
                    $"Code: {codes!.First()}. {ErrorMark}: the server does not say more.", "");
            }

            throw new HttpRequestException(Describe(response, words), null, response.StatusCode);
        }
    }

    private async Task<HttpResponseMessage> AskAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            return await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
        }
        catch (HttpRequestException exception) when (exception.HttpRequestError == HttpRequestError.ResponseEnded
            && !_hasAnswered
            && request.RequestUri?.Scheme == Uri.UriSchemeHttp)
        {
            // A server that has never answered by plain HTTP may be one of TLS: it hangs up without a word.
            throw new HttpRequestException(
                HttpRequestError.SecureConnectionError, "The server hung up on the first request by plain HTTP.", inner: null);
        }
    }

    /// <summary>The proxy that the environment names, for all hosts but this one.</summary>
    private sealed class RemoteProxy(IWebProxy proxy) : IWebProxy
    {
        public ICredentials? Credentials
        {
            get => proxy.Credentials;
            set => proxy.Credentials = value;
        }

        public Uri? GetProxy(Uri destination) => IsBypassed(destination) ? null : proxy.GetProxy(destination);

        public bool IsBypassed(Uri host) => host.IsLoopback || proxy.IsBypassed(host);
    }

    private static async Task<string> ReadTextAsync(HttpContent content, CancellationToken cancellationToken)
    {
        var bytes = await content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        var text = content.Headers.ContentEncoding.LastOrDefault() switch
        {
            "gzip" => new GZipStream(bytes, CompressionMode.Decompress),
            "deflate" => new ZLibStream(bytes, CompressionMode.Decompress),
            "br" => new BrotliStream(bytes, CompressionMode.Decompress),
            _ => bytes,
        };
        await using (text.ConfigureAwait(false))
        {
            using var reader = new StreamReader(text, Encoding.UTF8);
            var words = new char[LongestError];
            return new string(words, 0, await reader.ReadBlockAsync(words, cancellationToken).ConfigureAwait(false));
        }
    }

    private static string Describe(HttpResponseMessage response, string words)
    {
        var server = response.Headers.Server.ToString();
        var from = server.Length == 0 ? "a proxy, or a server that is not ClickHouse" : $"'{server}', which is not ClickHouse";
        var isPage = words.Length is 0 or > 200 || words.Contains('<', StringComparison.Ordinal);
        var said = isPage ? "" : $": {words.ReplaceLineEndings(" ").Trim()}";
        return string.Create(
            CultureInfo.InvariantCulture, $"HTTP {(int)response.StatusCode} {response.ReasonPhrase} from {from}{said}");
    }
}
