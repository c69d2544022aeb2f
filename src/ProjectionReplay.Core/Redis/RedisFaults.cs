using ProjectionReplay.Faults;
using StackExchange.Redis;

namespace ProjectionReplay.Redis;

/// <summary>What the faults of Redis mean.</summary>
internal sealed class RedisFaults : FaultRules
{
    /// <summary>EXECABORT is what a transaction ends with that had a command refused, and does not say for which of the reasons.</summary>
    private static readonly HashSet<string> Passing = new(
        ["LOADING", "READONLY", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "BUSY", "NOREPLICAS", "MISCONF", "EXECABORT"],
        StringComparer.Ordinal);

    private RedisFaults()
        : base("Redis", "REDIS_URL", ReplayError.RedisUnavailable)
    {
    }

    public static RedisFaults Rules { get; } = new();

    public override bool IsFault(Exception exception) =>
        exception is RedisException or RedisTimeoutException || base.IsFault(exception);

    public override bool IsTransient(Exception exception) => exception switch
    {
        RedisConnectionException { FailureType: ConnectionFailureType.AuthenticationFailure } => false,
        RedisConnectionException or RedisTimeoutException => true,
        RedisServerException server => Passing.Contains(CodeOf(server.Message)),
        _ => base.IsTransient(exception),
    };

    public override bool IsAnswer(Exception exception) => exception is RedisServerException;

    public override FaultKind KindOf(Exception exception) => base.KindOf(exception) switch
    {
        FaultKind.Unreachable => exception switch
        {
            RedisServerException server => server.Message.Split(' ')[0] switch
            {
                "NOAUTH" or "WRONGPASS" => FaultKind.Login,

                // "ERR AUTH <password> called without any password configured", and the like.
                "ERR" when server.Message.Contains("AUTH", StringComparison.Ordinal) => FaultKind.Login,
                "NOPERM" => FaultKind.Permission,
                "OOM" or "MISCONF" or "NOREPLICAS" or "BUSY" => FaultKind.Overload,
                _ => FaultKind.Refused,
            },
            RedisConnectionException { FailureType: ConnectionFailureType.AuthenticationFailure } => FaultKind.Login,
            _ => FaultKind.Unreachable,
        },
        var kind => kind,
    };

    /// <summary>The first word of an error. Before Redis 7 that of a command in a script stands behind other words.</summary>
    private static string CodeOf(string message)
    {
        if (message.StartsWith("ERR Error running script", StringComparison.Ordinal)
            && message.LastIndexOf(": -", StringComparison.Ordinal) is >= 0 and var start)
        {
            message = message[(start + 3)..];
        }

        return message.Split(' ')[0];
    }
}
