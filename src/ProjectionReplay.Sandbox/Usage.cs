namespace ProjectionReplay.Sandbox;

/// <summary>The help text of the command line.</summary>
internal static class Usage
{
    private const string Text = """
        Usage: ProjectionReplay.Sandbox demo
               ProjectionReplay.Sandbox serve [options]

        demo shows the module at work: seeds events, replays them, shows what was stored, and ends.

        serve starts ClickHouse, Redis and PostgreSQL on 127.0.0.1 with the project's tables, prints their
        URLs and 'ready', and stops with Ctrl+C.

          --engines LIST            which of clickhouse,redis,postgres to start (default: all)
          --clickhouse-port N       port of ClickHouse's HTTP interface (default: a free one)
          --redis-port N            port of Redis (default: a free one)
          --postgres-port N         port of PostgreSQL (default: a free one)
          --data DIR                keep ClickHouse's and PostgreSQL's data here (default: a temporary folder)
          --seed EVENTS             insert about this many realistic events before 'ready'
          --exit-on-stdin-close     stop when standard input ends
        """;

    /// <summary>Explains the command line on standard error; returns the exit code 2.</summary>
    public static int Fail(string? reason = null)
    {
        if (reason is not null)
            Console.Error.WriteLine(reason);
        Console.Error.WriteLine(Text);
        return 2;
    }
}
