using System.Net;
using ClickHouse.Driver;
using ProjectionReplay.Faults;

namespace ProjectionReplay.ClickHouse;

/// <summary>What the faults of ClickHouse mean. The numbers are those of its ErrorCodes.cpp.</summary>
internal sealed class ClickHouseFaults : FaultRules
{
    /// <summary>They tell of load, of a lost peer or of a node about to come back.</summary>
    private static readonly HashSet<int> Passing = [159, 202, 203, 209, 210, 241, 242, 252, 285, 319, 425, 439, 999];

    /// <summary>A query that took too long, of the same code as before: load passes, a limit that is too low does not.</summary>
    private const int TimeoutExceeded = 159;

    private ClickHouseFaults()
        : base("ClickHouse", "CLICKHOUSE_URL", ReplayError.ClickHouseUnavailable)
    {
    }

    public static ClickHouseFaults Rules { get; } = new();

    public override bool IsFault(Exception exception) =>
        exception is ClickHouseServerException or HttpRequestException or SettingLockedException || base.IsFault(exception);

    public override bool IsTransient(Exception exception) => exception switch
    {
        ClickHouseServerException server => Passing.Contains(server.ErrorCode) && !ClickHouseInsert.IsRefusedForPartitions(server),
        HttpRequestException http => http.StatusCode is null or HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests
            || (int)http.StatusCode >= 500,
        _ => base.IsTransient(exception),
    };

    public override int MostRetries(Exception exception) => exception switch
    {
        AnswerIncompleteException => 2,
        ClickHouseServerException { ErrorCode: TimeoutExceeded } => 1,
        _ => base.MostRetries(exception),
    };

    public override bool IsAnswer(Exception exception) => exception is ClickHouseServerException;

    public override FaultKind KindOf(Exception exception) => base.KindOf(exception) switch
    {
        FaultKind.Unreachable => exception switch
        {
            ClickHouseServerException server => server.ErrorCode switch
            {
                192 or 193 or 194 or 516 => FaultKind.Login,
                81 => FaultKind.Database,
                164 or 497 => FaultKind.Permission,
                159 or 202 or 203 or 241 or 243 or 252 or 439 => FaultKind.Overload,
                _ => FaultKind.Refused,
            },
            HttpRequestException { StatusCode: not null } or HttpRequestException { HttpRequestError: HttpRequestError.InvalidResponse }
                => FaultKind.Proxy,
            _ => FaultKind.Unreachable,
        },
        var kind => kind,
    };

    public override ReplayException Explain(string operation, Exception exception) => exception switch
    {
        SettingLockedException locked => new ReplayException(
            ReplayError.SettingLocked,
            $"{operation} failed: {FaultText.Describe(exception)} Have the profile set {locked.Name} = '{locked.Wanted}', "
                + "or let the user change it, then run the command again.",
            exception),
        AnswerIncompleteException => new ReplayException(
            ReplayError.AnswerIncomplete,
            $"{operation} failed: {FaultText.Describe(exception)} Look for what ends answers on the way: a proxy with a limit of time "
                + "or size, a settings profile, a replica that lags behind. Then run the command again.",
            exception),
        _ => base.Explain(operation, exception),
    };
}
