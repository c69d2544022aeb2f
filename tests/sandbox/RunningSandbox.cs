using System.Net;
using System.Text;
using ClickHouse.Driver;
using ClickHouse.Driver.ADO;
using ProjectionReplay.Sandbox.Tests;

[assembly: AssemblyFixture(typeof(SandboxEnd))]

namespace ProjectionReplay.Sandbox.Tests;

/// <summary>One sandbox for all classes that ask for it, in a process of its own. Started when the first of them does.</summary>
public sealed class RunningSandbox : IAsyncLifetime
{
    private static readonly Lazy<Task<SandboxProcess>> s_shared = new(() => SandboxProcess.StartAsync());

    private readonly string _id = Guid.NewGuid().ToString("N");
    private int _tables;

    public SandboxProcess Process { get; private set; } = null!;

    public Uri Http { get; private set; } = null!;

    public HttpClient Client { get; } = new(new SocketsHttpHandler { AutomaticDecompression = DecompressionMethods.None, UseProxy = false })
    {
        Timeout = TimeSpan.FromMinutes(2),
    };

    public async ValueTask InitializeAsync()
    {
        Process = await s_shared.Value;
        Http = new Uri(new Uri(Process.ClickHouseUrl!).GetLeftPart(UriPartial.Scheme) + new Uri(Process.ClickHouseUrl!).Authority);
    }

    public ValueTask DisposeAsync()
    {
        Client.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Ends the sandbox if it was started.</summary>
    public static async ValueTask EndAsync()
    {
        if (s_shared.IsValueCreated) await (await s_shared.Value).DisposeAsync();
    }

    public string NewTableName() => $"table_{_id}_{Interlocked.Increment(ref _tables)}";

    public ClickHouseClient Driver(bool formData = false) => new(new ClickHouseClientSettings
    {
        Host = Http.Host,
        Port = (ushort)Http.Port,
        Database = "langwatch",
        UseFormDataParameters = formData,
    });

    /// <summary>Posts SQL and returns the response with its text.</summary>
    public async Task<(HttpResponseMessage Response, string Text)> PostAsync(
        string sql, string urlQuery = "", params (string Name, string Value)[] headers)
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

/// <summary>Ends the sandbox when the last test is over.</summary>
public sealed class SandboxEnd : IAsyncDisposable
{
    public ValueTask DisposeAsync() => RunningSandbox.EndAsync();
}
