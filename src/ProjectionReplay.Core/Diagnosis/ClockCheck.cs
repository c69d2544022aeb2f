using System.Globalization;

namespace ProjectionReplay.Diagnosis;

/// <summary>Compares a server's clock with this machine's.</summary>
internal static class ClockCheck
{
    /// <summary>
    /// For ClickHouse: an event whose <c>CreatedAt</c> lies less than a second before the server's time counts as new, and
    /// its job is waited for. Between machines whose clocks are further apart than that, one cannot rely on it.
    /// </summary>
    public static readonly TimeSpan EventTolerance = TimeSpan.FromSeconds(1);

    /// <summary>For Redis and Postgres: locks and waits go by durations, so that clocks only show in what people read.</summary>
    public static readonly TimeSpan DisplayTolerance = TimeSpan.FromMinutes(1);

    /// <summary>Asks for the time, and says how far it is off.</summary>
    /// <param name="report">Where the result goes.</param>
    /// <param name="tolerance">How far it may be off.</param>
    /// <param name="consequence">What may come of it when it is further off, as a sentence.</param>
    /// <param name="read">Asks the server for its time.</param>
    public static async Task RunAsync(CheckReport report, TimeSpan tolerance, string consequence, Func<Task<DateTimeOffset>> read)
    {
        var before = report.TimeProvider.GetUtcNow();
        var asked = report.TimeProvider.GetTimestamp();
        var theirs = await read().ConfigureAwait(false);
        var doubt = report.TimeProvider.GetElapsedTime(asked) / 2;
        Judge(report, theirs - (before + doubt), doubt, tolerance, consequence);
    }

    /// <summary>Says what a difference means.</summary>
    /// <param name="report">Where the result goes.</param>
    /// <param name="ahead">How far the server is ahead.</param>
    /// <param name="doubt">How far that may be wrong: nobody knows when on the way the server looked at its clock.</param>
    /// <param name="tolerance">How far it may be off.</param>
    /// <param name="consequence">What may come of it when it is further off, as a sentence.</param>
    internal static void Judge(CheckReport report, TimeSpan ahead, TimeSpan doubt, TimeSpan tolerance, string consequence)
    {
        var isOff = ahead.Duration() - doubt > tolerance;
        var detail = string.Create(
            CultureInfo.InvariantCulture,
            $"The server's clock is {ahead.Duration().TotalSeconds:0.000} s {(ahead < TimeSpan.Zero ? "behind" : "ahead of")} "
                + $"this machine's, give or take {doubt.TotalSeconds:0.000} s; {tolerance.TotalSeconds:0} s would do.");
        report.Add(
            "Clock",
            "",
            isOff ? CheckResult.Warning : CheckResult.Passed,
            detail,
            isOff ? $"{consequence} Have both machines set their clocks by NTP." : "");
    }
}
