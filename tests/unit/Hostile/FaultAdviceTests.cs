using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using ClickHouse.Driver;
using Npgsql;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Cmdlets;
using ProjectionReplay.Faults;
using StackExchange.Redis;

namespace ProjectionReplay.Hostile;

/// <summary>Advice fits the fault, and the page for people has the same.</summary>
public sealed class FaultAdviceTests
{
    public static TheoryData<Exception, string> Faults { get; } = new()
    {
        { new HttpRequestException("refused", new SocketException((int)SocketError.ConnectionRefused)), "Unreachable" },
        { new TimeoutException("Too late."), "Unreachable" },
        { new HttpRequestException("HTTP 414", null, HttpStatusCode.RequestUriTooLong), "Proxy" },
        { ClickHouseServerException.FromServerResponse("Code: 516. DB::Exception: Authentication failed.", ""), "Login" },
        { ClickHouseServerException.FromServerResponse("Code: 81. DB::Exception: Database x does not exist.", ""), "Database" },
        { ClickHouseServerException.FromServerResponse("Code: 497. DB::Exception: Not enough privileges.", ""), "Permission" },
        { ClickHouseServerException.FromServerResponse("Code: 241. DB::Exception: Memory limit exceeded.", ""), "Overload" },
        { ClickHouseServerException.FromServerResponse("Code: 47. DB::Exception: Unknown identifier.", ""), "Refused" },
        { new HttpRequestException("SSL", new AuthenticationException("The remote certificate is invalid.")), "Encryption" },
        { new NpgsqlException("Exception while performing SSL handshake", new AuthenticationException("Invalid.")), "Encryption" },
        { new NpgsqlException("SSL connection requested. No SSL enabled connection from this host is configured."), "Encryption" },
        { new NpgsqlException("Failed to connect", new SocketException((int)SocketError.ConnectionRefused)), "Unreachable" },
        { new RedisServerException(RedisErrorKind.WrongPass, CommandFlags.None, "WRONGPASS invalid"), "Login" },
        { new RedisServerException(RedisErrorKind.UnknownError, CommandFlags.None, "ERR Client sent AUTH, but none is set."), "Login" },
        { new RedisServerException(RedisErrorKind.NoPermission, CommandFlags.None, "NOPERM this user"), "Permission" },
        { new RedisServerException(RedisErrorKind.OutOfMemory, CommandFlags.None, "OOM command not allowed"), "Overload" },
    };

    [Theory]
    [MemberData(nameof(Faults), DisableDiscoveryEnumeration = true)]
    public void Each_fault_is_of_a_kind(Exception fault, string kind) =>
        Assert.Equal(kind, RulesOf.Thrower(fault).KindOf(fault).ToString());

    /// <summary>As other servers answer a request by HTTP: one of TLS, and one of Redis.</summary>
    [Theory]
    [InlineData("15030300020246", "Encryption")]
    [InlineData("2D4552520D0A", "Proxy")]
    public async Task A_port_that_does_not_speak_http_is_told_of_in_words_fit_to_be_shown(string answer, string kind)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var answering = AnswerAsync();
        using var http = ServerAnswers.CreateClient(TimeSpan.FromMinutes(1));

        var fault = await Assert.ThrowsAsync<HttpRequestException>(
            () => http.GetAsync(new Uri($"http://{listener.LocalEndpoint}/"), TestContext.Current.CancellationToken));

        await answering;
        Assert.Equal(kind, ClickHouseFaults.Rules.KindOf(fault).ToString());
        Assert.DoesNotContain(FaultText.Describe(fault), char.IsControl);

        async Task AnswerAsync()
        {
            using var client = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
            Assert.NotEqual(0, await client.GetStream().ReadAsync(new byte[1024], TestContext.Current.CancellationToken));
            await client.GetStream().WriteAsync(Convert.FromHexString(answer), TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public void No_word_of_a_login_where_the_server_let_the_user_in()
    {
        var advice = ClickHouseFaults.Rules.AdviceFor(
            ClickHouseServerException.FromServerResponse("Code: 241. DB::Exception: Memory limit exceeded.", ""));

        Assert.DoesNotContain("password", advice, StringComparison.Ordinal);
        Assert.StartsWith("ClickHouse is short of memory", advice, StringComparison.Ordinal);
    }

    [Fact]
    public void The_page_for_people_has_the_same_table()
    {
        var page = File.ReadAllText(Path.Combine(RepositoryLayout.Root, "docs", "troubleshooting.md"));

        Assert.Equal(Enum.GetValues<FaultKind>(), FaultAdvice.Table.Select(row => row.Kind));
        Assert.All(FaultAdvice.Table, row => Assert.Contains($"| {row.Kind} | {row.Advice} |", page, StringComparison.Ordinal));
    }
}
