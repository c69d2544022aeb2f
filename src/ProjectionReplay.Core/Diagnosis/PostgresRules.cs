namespace ProjectionReplay.Diagnosis;

/// <summary>What the answers of a Postgres server mean for a replay. Asks nothing itself.</summary>
internal static class PostgresRules
{
    private static readonly string[] Utc = ["UTC", "UCT", "Universal", "Zulu", "GMT", "Greenwich"];

    /// <summary>Whether a pooler stands before the server, and the URL says so.</summary>
    /// <param name="announced">The process id that came with the login: a pooler makes one up.</param>
    /// <param name="process">The process id that the server itself tells.</param>
    /// <param name="isSaid">Whether the URL has <c>pgbouncer=true</c>.</param>
    public static CheckFinding Pooler(int announced, int process, bool isSaid)
    {
        const string Check = "Pooler";
        if (announced == process)
        {
            return new(
                Check,
                CheckResult.Passed,
                isSaid ? "No pooler was seen on the way; pgbouncer=true in the URL does no harm." : "No pooler was seen on the way.");
        }

        return isSaid
            ? new(Check, CheckResult.Passed, "A pooler stands on the way, as the URL says (pgbouncer=true).")
            : new(
                Check,
                CheckResult.Warning,
                "A pooler stands on the way, such as PgBouncer, and the URL does not say so: sessions that others use as well are reset "
                    + "after use, and a schema in the URL is sent as a parameter, which poolers refuse.",
                "Add pgbouncer=true to DATABASE_URL (or -DatabaseUrl), or name the server itself.");
    }

    /// <summary>Whether times in a table are likely to be of one zone.</summary>
    /// <param name="columns">The columns without a time zone to which a replay writes times.</param>
    /// <param name="zone">The time zone in which sessions of the user begin unless they ask for one.</param>
    public static CheckFinding TimeZone(IReadOnlyList<string> columns, string zone)
    {
        const string Check = "TimeZone";
        const string Own = "sessions of a replay are in UTC";
        if (columns.Count == 0) return new(Check, CheckResult.Passed, $"Its times have a time zone; {Own}.");
        var names = string.Join(", ", columns.Select(column => $"'{column}'"));
        var name = zone.StartsWith("Etc/", StringComparison.OrdinalIgnoreCase) ? zone[4..] : zone;
        return Utc.Contains(name, StringComparer.OrdinalIgnoreCase)
            ? new(Check, CheckResult.Passed, $"Times without a time zone ({names}) are of UTC: {Own}, and others begin in {zone}.")
            : new(
                Check,
                CheckResult.Warning,
                $"Times without a time zone ({names}) are of the session that writes them: {Own}, and others begin in {zone}.",
                "Make sure that the live system's sessions are in UTC as well, or that nobody compares those times.");
    }
}
