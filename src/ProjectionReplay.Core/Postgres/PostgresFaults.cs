using Npgsql;
using ProjectionReplay.Faults;

namespace ProjectionReplay.Postgres;

/// <summary>What the faults of Postgres mean.</summary>
internal sealed class PostgresFaults : FaultRules
{
    private PostgresFaults()
        : base("Postgres", "DATABASE_URL", ReplayError.PostgresUnavailable)
    {
    }

    public static PostgresFaults Rules { get; } = new();

    public override bool IsFault(Exception exception) => exception is NpgsqlException || base.IsFault(exception);

    public override bool IsTransient(Exception exception) => exception switch
    {
        // Two that insert one counter at the same moment may collide on its second unique index, which ON CONFLICT does
        // not watch: a moment later the row is there, and is added to.
        PostgresException
        {
            SqlState: PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.UniqueViolation
        } => true,
        NpgsqlException npgsql => npgsql.IsTransient,
        _ => base.IsTransient(exception),
    };

    public override bool IsAnswer(Exception exception) => exception is PostgresException;

    public override FaultKind KindOf(Exception exception) => base.KindOf(exception) switch
    {
        FaultKind.Unreachable => exception switch
        {
            PostgresException postgres => postgres.SqlState switch
            {
                PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification => FaultKind.Login,
                PostgresErrorCodes.InvalidCatalogName => FaultKind.Database,
                PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.ReadOnlySqlTransaction => FaultKind.Permission,
                PostgresErrorCodes.TooManyConnections or PostgresErrorCodes.DiskFull or PostgresErrorCodes.OutOfMemory
                    => FaultKind.Overload,
                _ => FaultKind.Refused,
            },
            RowsLockedException => FaultKind.Overload,
            _ => FaultKind.Unreachable,
        },
        var kind => kind,
    };

    protected override bool SaysEncryption(Exception exception) => base.SaysEncryption(exception)
        || (exception is NpgsqlException and not PostgresException
            && exception.Message.StartsWith("SSL connection requested", StringComparison.Ordinal));
}

/// <summary>Somebody's transaction keeps rows locked that have to be changed.</summary>
internal sealed class RowsLockedException(string message, Exception innerException) : TimeoutException(message, innerException);
