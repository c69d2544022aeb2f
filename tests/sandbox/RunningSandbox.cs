using System.Net;
using System.Text;
using ClickHouse.Driver;
using ClickHouse.Driver.ADO;
using ProjectionReplay.Sandbox.Tests;

[assembly: AssemblyFixture(typeof(RunningSandbox))]

namespace ProjectionReplay.Sandbox.Tests;

/// <summary>One sandbox for the whole assembly, in a process of its own.</summary>
public sealed class RunningSandbox : IAsyncLifetime
{
    private int _tables;

    public SandboxProcess Process { get; private set; } = null!;

    public Uri Http { get; private set; } = null!;

    public HttpClient Client { get; } = new(new SocketsHttpHandler { AutomaticDecompression = DecompressionMethods.None }) { Timeout = TimeSpan.FromMinutes(2) };

    public async ValueTask InitializeAsync()
    {
        Process = await SandboxProcess.StartAsync();
        Http = new Uri(new Uri(Process.ClickHouseUrl!).GetLeftPart(UriPartial.Scheme) + new Uri(Process.ClickHouseUrl!).Authority);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Process.DisposeAsync();
    }

    public string NewTableName() => $"table_{Interlocked.Increment(ref _tables)}";

    public ClickHouseClient Driver(bool formData = false) => new(new ClickHouseClientSettings
    {
        Host = Http.Host,
        Port = (ushort)Http.Port,
        Database = "langwatch",
        UseFormDataParameters = formData,
    });

    /// <summary>Posts SQL and returns the response with its text.</summary>
    public async Task<(HttpResponseMessage Response, string Text)> PostAsync(string sql, string urlQuery = "", params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(Http, "/?database=langwatch" + urlQuery))
        {
            Content = new ByteArrayContent(Encoding.UTF8.GetBytes(sql)),
        };
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        var response = await Client.SendAsync(request, TestContext.Current.CancellationToken);
        return (response, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    /// <summary>Posts SQL that must succeed and returns its result without the last line end.</summary>
    public async Task<string> QueryAsync(string sql, string urlQuery = "")
    {
        var (response, text) = await PostAsync(sql, urlQuery);
        Assert.True(response.IsSuccessStatusCode, $"{sql}\n{text}");
        return text.TrimEnd('\n');
    }
}
