using System.Diagnostics;
using System.Net.Sockets;
using ClickHouse.Driver;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Faults;
using ProjectionReplay.Reporting;
using StackExchange.Redis;

namespace ProjectionReplay.Hostile;

/// <summary>Which faults are waited out, with backoff, and what the operator hears of it.</summary>
public sealed class TransientFaultTests
{
    public static TheoryData<Exception> Passing { get; } =
    [
        new RedisServerException(RedisErrorKind.Loading, CommandFlags.None, "LOADING Redis is loading the dataset in memory"),
        new RedisServerException(RedisErrorKind.ReadOnly, CommandFlags.None, "READONLY You can't write against a read only replica."),
        new RedisServerException(RedisErrorKind.TryAgain, CommandFlags.None, "TRYAGAIN Multiple keys request during rehashing of slot"),
        new RedisServerException(RedisErrorKind.ClusterDown, CommandFlags.None, "CLUSTERDOWN The cluster is down"),
        new RedisServerException(
            RedisErrorKind.MasterDown,
            CommandFlags.None,
            "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."),
        new RedisServerException(RedisErrorKind.Busy, CommandFlags.None, "BUSY Redis is busy running a script."),
        new RedisConnectionException(
            ConnectionFailureType.SocketFailure, CommandFlags.None, "The socket failed.", null, CommandStatus.Sent),
        new RedisTimeoutException(CommandFlags.None, "Timeout awaiting response.", CommandStatus.Sent),
        new HttpRequestException("Connection refused", new SocketException((int)SocketError.ConnectionRefused)),
        new HttpRequestException("Bad gateway", null, System.Net.HttpStatusCode.BadGateway),
        ClickHouseServerException.FromServerResponse("Code: 241. DB::Exception: Memory limit exceeded.", "SELECT 1"),
        ClickHouseServerException.FromServerResponse("Code: 252. DB::Exception: Too many parts (3000).", "SELECT 1"),
        new IOException("The answer broke off."),
        new TimeoutException("Too late."),
    ];

    public static TheoryData<Exception> Lasting { get; } =
    [
        new RedisServerException(RedisErrorKind.NoAuth, CommandFlags.None, "NOAUTH Authentication required."),
        new RedisServerException(
            RedisErrorKind.WrongPass, CommandFlags.None, "WRONGPASS invalid username-password pair or user is disabled."),
        new RedisServerException(
            RedisErrorKind.WrongType, CommandFlags.None, "WRONGTYPE Operation against a key holding the wrong kind of value"),
        new RedisServerException(
            RedisErrorKind.NoPermission, CommandFlags.None, "NOPERM this user has no permissions to run the 'hset' command"),
        new RedisServerException(RedisErrorKind.OutOfMemory, CommandFlags.None, "OOM command not allowed when used memory > 'maxmemory'."),
        new RedisConnectionException(
            ConnectionFailureType.AuthenticationFailure, CommandFlags.None, "The password is wrong.", null, CommandStatus.Unknown),
        new HttpRequestException("Unauthorized", null, System.Net.HttpStatusCode.Unauthorized),
        new HttpRequestException("Request-URI Too Large", null, System.Net.HttpStatusCode.RequestUriTooLong),
        ClickHouseServerException.FromServerResponse(
            "Code: 252. DB::Exception: Too many partitions for single INSERT block (more than 100).", "SELECT 1"),
        ClickHouseServerException.FromServerResponse(
            "Code: 516. DB::Exception: default: Authentication failed. (AUTHENTICATION_FAILED)", "SELECT 1"),
    ];

    [Theory]
    [MemberData(nameof(Passing), DisableDiscoveryEnumeration = true)]
    public async Task A_fault_that_passes_is_waited_out_and_said(Exception fault)
    {
        var messages = new ReplayMessages();
        var calls = 0;

        var answer = await new Retries(RulesOf.Thrower(fault), messages.Allow(2, TimeProvider.System)).CallAsync(
            "Setting markers",
            _ => calls++ < 1 ? throw fault : Task.FromResult("done"),
            TestContext.Current.CancellationToken);

        Assert.Equal(("done", 2), (answer, calls));
        Assert.True(messages.Reader.TryRead(out var said));
        var text = Assert.IsType<ReplayVerboseMessage>(said).Text;
        Assert.StartsWith("Setting markers: ", text, StringComparison.Ordinal);
        Assert.Contains("Trying again in", text, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Lasting), DisableDiscoveryEnumeration = true)]
    public async Task A_fault_that_lasts_is_reported_at_once(Exception fault)
    {
        var calls = 0;

        var error = await Assert.ThrowsAsync<ReplayException>(
            () => new Retries(RulesOf.Thrower(fault), new ReplayMessages().Allow(2, TimeProvider.System)).CallAsync<string>(
            "Setting markers",
            _ =>
            {
                calls++;
                throw fault;
            },
            TestContext.Current.CancellationToken));

        Assert.EndsWith("Unavailable", error.Error.ToString(), StringComparison.Ordinal);
        Assert.Equal(1, calls);
        Assert.Same(fault, error.InnerException);
    }

    [Fact]
    public async Task Cancelling_ends_the_wait_between_two_attempts_at_once()
    {
        using var cancellation = new CancellationTokenSource();
        var started = Stopwatch.GetTimestamp();

        var call = new Retries(ClickHouseFaults.Rules, new ReplayMessages().Allow(100, TimeProvider.System)).CallAsync<string>(
            "Reading events", _ => throw new IOException("The answer broke off."), cancellation.Token);
        cancellation.CancelAfter(TimeSpan.FromMilliseconds(300));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.FromSeconds(2));
    }
}
