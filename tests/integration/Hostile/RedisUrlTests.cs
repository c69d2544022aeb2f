using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ProjectionReplay.Configuration;
using ProjectionReplay.Faults;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Replay;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Hostile;

/// <summary>Redis URLs that are a little wrong, and certificates of a private authority, on a redis-server.</summary>
public sealed class RedisUrlTests(TestServers servers) : IClassFixture<TestServers>, IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("projection-replay-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task A_database_that_is_not_there_is_named()
    {
        await using var redis = await RealRedis.StartAsync();

        var outcome = await RunAsync(redis.Url + "/99");

        outcome.ShouldFailWith(ReplayError.ConnectionUrlInvalid);
        Assert.Contains("no database 99", outcome.Exception!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tls_to_a_plain_port_is_told_without_advice_to_programmers()
    {
        await using var redis = await RealRedis.StartAsync();

        var outcome = await RunAsync(redis.Url.Replace("redis://", "rediss://", StringComparison.Ordinal));

        Assert.Contains("redis:// is for it", ShouldBeUnavailable(outcome), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Certificates_of_a_private_authority_are_trusted_when_named_and_the_rest_is_told()
    {
        var (authority, certificate, key) = CreateCertificates();
        var port = FreePort();
        await using var redis = await RealRedis.StartAsync(
            isCluster: false,
            "--tls-port", port, "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", authority,
            "--tls-auth-clients", "no");
        var tenant = await new TestTenant(servers).AddEvaluations(3).AppendAsync();

        var trusted = await RunAsync($"rediss://127.0.0.1:{port}?sslrootcert={Uri.EscapeDataString(authority)}", tenant);
        var unknown = await RunAsync($"rediss://127.0.0.1:{port}", tenant);
        var plain = await RunAsync($"redis://127.0.0.1:{port}", tenant);

        Assert.Equal(3, trusted.ShouldSucceed().Last.AggregatesReplayed);
        Assert.Contains("sslrootcert", ShouldBeUnavailable(unknown), StringComparison.Ordinal);
        Assert.Contains("rediss:// is for it", ShouldBeUnavailable(plain), StringComparison.Ordinal);
    }

    private static string ShouldBeUnavailable(ReplayOutcome outcome)
    {
        var message = outcome.ShouldFailWith(ReplayError.RedisUnavailable).Exception!.Message;
        Assert.DoesNotContain("multiplexer", message, StringComparison.Ordinal);
        Assert.DoesNotContain("abortConnect", message, StringComparison.OrdinalIgnoreCase);
        return message;
    }

    private async Task<ReplayOutcome> RunAsync(string redisUrl, TestTenant? tenant = null) => await ReplayOutcome.RunAsync(
        servers,
        new EvaluationStateProjection(),
        tenant ?? new TestTenant(servers),
        connections: new ReplayConnections(directory: null, environment: _ => null)
        {
            ClickHouseUrl = servers.ClickHouseUrl,
            RedisUrl = redisUrl,
            DatabaseUrl = servers.DatabaseUrl,
        },
        timeProvider: new HastyTime());

    private (string Authority, string Certificate, string Key) CreateCertificates()
    {
        var (from, to) = (DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        using var authorityKey = RSA.Create(2048);
        var root = new CertificateRequest("CN=Test authority", authorityKey, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        root.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var authority = root.CreateSelfSigned(from, to);
        using var serverKey = RSA.Create(2048);
        var request = new CertificateRequest("CN=127.0.0.1", serverKey, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.Create(authority, from, to, [1, 2, 3, 4]);
        return (
            Write("authority.pem", authority.ExportCertificatePem()),
            Write("server.pem", certificate.ExportCertificatePem()),
            Write("server.key", serverKey.ExportPkcs8PrivateKeyPem()));

        string Write(string name, string text)
        {
            var path = Path.Combine(_directory.FullName, name);
            File.WriteAllText(path, text);
            return path;
        }
    }

    private static string FreePort()
    {
        using var listener = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);
    }
}
