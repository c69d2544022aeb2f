using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ClickHouse.Driver;
using Npgsql;
using Polly;
using Polly.Retry;
using ProjectionReplay.ClickHouse;
using StackExchange.Redis;

namespace ProjectionReplay.Replay;

/// <summary>The servers that a replay works with.</summary>
internal enum Server
{
    ClickHouse,
    Redis,
    Postgres,
}

/// <summary>
/// Calls servers: retries what may pass by itself, with backoff, and says so; turns what does not into a
/// <see cref="ReplayException"/> that names the server. Safe for concurrent use.
/// </summary>
internal sealed class FaultPolicy
{
    // Server error codes that tell of load, of a lost peer or of a node about to come back: see ErrorCodes.cpp of ClickHouse.
    private static readonly HashSet<int> PassingClickHouseErrors = [159, 202, 203, 209, 210, 241, 242, 252, 285, 319, 425, 439, 999];

    /// <summary>A query that took too long, of the same code as before: load passes, a limit that is too low does not.</summary>
    private const int TimeoutExceeded = 159;

    /// <summary>EXECABORT is what a transaction ends with that had a command refused, and does not say for which of the reasons.</summary>
    private static readonly HashSet<string> PassingRedisErrors = new(
        ["LOADING", "READONLY", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "BUSY", "NOREPLICAS", "MISCONF", "EXECABORT"],
        StringComparer.Ordinal);

    private readonly ResiliencePipeline _pipeline;
    private volatile bool _hasRetried;

    /// <param name="messages">Where retries are told.</param>
    /// <param name="timeProvider">The clock that backoff goes by.</param>
    /// <param name="maxRetries">Retries before giving up.</param>
    public FaultPolicy(ReplayMessages messages, TimeProvider timeProvider, int maxRetries)
    {
        _pipeline = new ResiliencePipelineBuilder { TimeProvider = timeProvider }
            .AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = maxRetries,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                Delay = TimeSpan.FromMilliseconds(250),
                MaxDelay = TimeSpan.FromSeconds(10),
                ShouldHandle = static arguments => ValueTask.FromResult(
                    arguments.Outcome.Exception is { } exception
                    && !arguments.Context.CancellationToken.IsCancellationRequested
                    && IsTransient(exception)
                    && arguments.AttemptNumber < MostRetries(exception)),
                OnRetry = arguments =>
                {
                    _hasRetried = true;
                    return messages.SendAsync(
                        new ReplayVerboseMessage(string.Create(
                            CultureInfo.InvariantCulture,
                            $"{arguments.Context.OperationKey}: {Describe(arguments.Outcome.Exception!)} "
                                + $"Trying again in {arguments.RetryDelay.TotalSeconds:0.0} s "
                                + $"({arguments.AttemptNumber + 1} of {maxRetries}).")),
                        arguments.Context.CancellationToken);
                },
            })
            .Build();
    }

    /// <summary>Whether any call was made again, so that an earlier one may still be under way.</summary>
    public bool HasRetried => _hasRetried;

    /// <summary>Calls a server.</summary>
    /// <param name="server">The server, for messages.</param>
    /// <param name="operation">What is being done, for messages: "Reading events".</param>
    /// <param name="action">The call, which may be made several times, even when an earlier one took effect unnoticed.</param>
    /// <param name="cancellationToken">Abandons call and retries.</param>
    /// <exception cref="ReplayException">The call failed for good.</exception>
    public async Task<T> CallAsync<T>(
        Server server, string operation, Func<CancellationToken, Task<T>> action, CancellationToken cancellationToken)
    {
        var context = ResilienceContextPool.Shared.Get(operation, cancellationToken);
        try
        {
            return await _pipeline.ExecuteAsync(
                static async (context, action) => await action(context.CancellationToken).ConfigureAwait(false),
                context,
                action).ConfigureAwait(false);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested && IsServerFault(exception))
        {
            throw Explain(server, operation, exception);
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    /// <inheritdoc cref="CallAsync{T}"/>
    public Task CallAsync(Server server, string operation, Func<CancellationToken, Task> action, CancellationToken cancellationToken) =>
        CallAsync(
            server,
            operation,
            async token =>
            {
                await action(token).ConfigureAwait(false);
                return true;
            },
            cancellationToken);

    private static bool IsTransient(Exception exception) => exception switch
    {
        // Two that insert one counter at the same moment may collide on its second unique index, which ON CONFLICT does
        // not watch: a moment later the row is there, and is added to.
        PostgresException
        {
            SqlState: PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.UniqueViolation
        } => true,
        NpgsqlException npgsql => npgsql.IsTransient,
        ClickHouseServerException clickHouse =>
            PassingClickHouseErrors.Contains(clickHouse.ErrorCode) && !ClickHouseInsert.IsRefusedForPartitions(clickHouse),
        HttpRequestException http => http.StatusCode is null or HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests
            || (int)http.StatusCode >= 500,
        RedisConnectionException { FailureType: ConnectionFailureType.AuthenticationFailure } => false,
        RedisConnectionException or RedisTimeoutException => true,
        RedisServerException redis => PassingRedisErrors.Contains(CodeOf(redis.Message)),
        // Cancellation was ruled out: this one is a time-out. HttpClient lets the bare SocketException of a connection
        // through that was reset the moment it was made.
        IOException or SocketException or TimeoutException or OperationCanceledException => true,
        _ => false,
    };

    /// <summary>The first word of a Redis error. Before Redis 7 that of a command in a script stands behind other words.</summary>
    private static string CodeOf(string message)
    {
        if (message.StartsWith("ERR Error running script", StringComparison.Ordinal)
            && message.LastIndexOf(": -", StringComparison.Ordinal) is >= 0 and var start)
        {
            message = message[(start + 3)..];
        }

        return message.Split(' ')[0];
    }

    /// <summary>How often a call is made again that failed in a way that may be there to stay.</summary>
    private static int MostRetries(Exception exception) => exception switch
    {
        AnswerIncompleteException => 2,
        ClickHouseServerException { ErrorCode: TimeoutExceeded } => 1,
        _ => int.MaxValue,
    };

    /// <summary>Whether a server, or the way there, is at fault.</summary>
    public static bool IsServerFault(Exception exception) => exception
        is NpgsqlException or ClickHouseServerException or HttpRequestException or RedisException
        or RedisTimeoutException or IOException or SocketException or TimeoutException or OperationCanceledException
        or SettingLockedException;

    /// <summary>Whether a fault is what the server itself answered, so that it is within reach.</summary>
    public static bool IsAnswer(Exception exception) => exception is PostgresException or ClickHouseServerException or RedisServerException;

    private static ReplayException Explain(Server server, string operation, Exception exception)
    {
        if (exception is SettingLockedException locked)
        {
            return new ReplayException(
                ReplayError.SettingLocked,
                $"{operation} failed: {Describe(exception)} Have the profile set {locked.Name} = '{locked.Wanted}', "
                    + "or let the user change it, then run the command again.",
                exception);
        }

        if (exception is AnswerIncompleteException)
        {
            return new ReplayException(
                ReplayError.AnswerIncomplete,
                $"{operation} failed: {Describe(exception)} Look for what ends answers on the way: a proxy with a limit of time or size, "
                    + "a settings profile, a replica that lags behind. Then run the command again.",
                exception);
        }

        var (error, variable) = server switch
        {
            Server.ClickHouse => (ReplayError.ClickHouseUnavailable, "CLICKHOUSE_URL"),
            Server.Redis => (ReplayError.RedisUnavailable, "REDIS_URL"),
            _ => (ReplayError.PostgresUnavailable, "DATABASE_URL"),
        };
        return new ReplayException(
            error,
            $"{operation} failed: {Describe(exception)} {FaultAdvice.Of(exception, server, variable)} Then run the command again.",
            exception);
    }

    /// <summary>The innermost reason as one sentence; wrappers only say that something failed.</summary>
    public static string Describe(Exception exception)
    {
        var reason = exception is HttpRequestException or NpgsqlException and not PostgresException && exception.InnerException is { } inner
            ? inner
            : exception;
        var text = SafeText.Show(reason.Message.ReplaceLineEndings(" ").Trim());
        if (text.Length > 500) text = string.Concat(text.AsSpan(0, 500), "...");
        return text.EndsWith('.') ? text : text + ".";
    }
}
