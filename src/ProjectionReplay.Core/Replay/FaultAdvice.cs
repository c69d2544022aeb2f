using System.Security.Authentication;
using ClickHouse.Driver;
using Npgsql;
using ProjectionReplay.Stores;
using StackExchange.Redis;

namespace ProjectionReplay.Replay;

/// <summary>
/// What to do about a server's fault, by its kind. It comes behind the server's own words. <c>docs/troubleshooting.md</c> has
/// the same table, which a test holds to this one.
/// </summary>
internal static class FaultAdvice
{
    /// <summary>The kinds, each with what to do; {0} is the server, {1} the variable with its URL.</summary>
    public static readonly IReadOnlyList<(FaultKind Kind, string Advice)> Table =
    [
        (FaultKind.Unreachable, "Check that {0} is up, and that {1} (or its parameter) points to it."),
        (FaultKind.Proxy, "Check that {1} (or its parameter) names {0} itself, and what stands on the way to it."),
        (
            FaultKind.Encryption,
            "Check whether {0} speaks TLS on that port, that {1} (or its parameter) says the same, and that its certificate is trusted."),
        (FaultKind.Login, "Check user and password in {1} (or its parameter)."),
        (FaultKind.Database, "Check the database at the end of {1} (or its parameter)."),
        (FaultKind.Permission, "Give the user of {1} that right, or name one who has it."),
        (FaultKind.Overload, "{0} is short of memory, time or space: see to that."),
        (FaultKind.Refused, "{0} is up, and refuses this: its words say why."),
    ];

    /// <summary>What to do about a fault, as a sentence.</summary>
    public static string Of(Exception fault, Server server, string variable)
    {
        var kind = KindOf(fault);
        return Table.First(row => row.Kind == kind).Advice
            .Replace("{0}", server.ToString(), StringComparison.Ordinal)
            .Replace("{1}", variable, StringComparison.Ordinal);
    }

    /// <summary>The kind of a fault.</summary>
    internal static FaultKind KindOf(Exception fault) => fault switch
    {
        _ when IsOfEncryption(fault) => FaultKind.Encryption,

        // See ErrorCodes.cpp of ClickHouse.
        ClickHouseServerException clickHouse => clickHouse.ErrorCode switch
        {
            192 or 193 or 194 or 516 => FaultKind.Login,
            81 => FaultKind.Database,
            164 or 497 => FaultKind.Permission,
            159 or 202 or 203 or 241 or 243 or 252 or 439 => FaultKind.Overload,
            _ => FaultKind.Refused,
        },
        PostgresException postgres => postgres.SqlState switch
        {
            PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification => FaultKind.Login,
            PostgresErrorCodes.InvalidCatalogName => FaultKind.Database,
            PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.ReadOnlySqlTransaction => FaultKind.Permission,
            PostgresErrorCodes.TooManyConnections or PostgresErrorCodes.DiskFull or PostgresErrorCodes.OutOfMemory => FaultKind.Overload,
            _ => FaultKind.Refused,
        },
        RedisServerException redis => redis.Message.Split(' ')[0] switch
        {
            "NOAUTH" or "WRONGPASS" => FaultKind.Login,

            // "ERR AUTH <password> called without any password configured", and the like.
            "ERR" when redis.Message.Contains("AUTH", StringComparison.Ordinal) => FaultKind.Login,
            "NOPERM" => FaultKind.Permission,
            "OOM" or "MISCONF" or "NOREPLICAS" or "BUSY" => FaultKind.Overload,
            _ => FaultKind.Refused,
        },
        RedisConnectionException { FailureType: ConnectionFailureType.AuthenticationFailure } => FaultKind.Login,
        RowsLockedException => FaultKind.Overload,
        HttpRequestException { StatusCode: not null } or HttpRequestException { HttpRequestError: HttpRequestError.InvalidResponse }
            => FaultKind.Proxy,
        _ => FaultKind.Unreachable,
    };

    /// <summary>Whether one end speaks TLS and the other does not, or a certificate was not taken.</summary>
    private static bool IsOfEncryption(Exception fault)
    {
        for (var cause = fault; cause is not null; cause = cause.InnerException)
        {
            if (cause is AuthenticationException
                or HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError }
                || (cause is NpgsqlException and not PostgresException
                    && cause.Message.StartsWith("SSL connection requested", StringComparison.Ordinal)))
            {
                return true;
            }
        }

        return false;
    }
}

/// <summary>What is wrong with a server, for the person who has to see to it.</summary>
internal enum FaultKind
{
    /// <summary>It does not answer.</summary>
    Unreachable,

    /// <summary>Something else answers in its place.</summary>
    Proxy,

    /// <summary>One end speaks TLS, the other does not, or a certificate was not taken.</summary>
    Encryption,

    /// <summary>It does not let the user in.</summary>
    Login,

    /// <summary>It has no such database.</summary>
    Database,

    /// <summary>The user may not do that.</summary>
    Permission,

    /// <summary>It cannot do that now.</summary>
    Overload,

    /// <summary>It refuses for another reason.</summary>
    Refused,
}
