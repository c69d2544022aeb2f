using System.Globalization;

namespace ProjectionReplay.Sandbox;

/// <summary>The options of <c>serve</c>.</summary>
internal sealed record ServeArguments
{
    public SandboxOptions Options { get; private init; } = new();

    /// <summary>How many events to insert; 0 for none.</summary>
    public int SeedEvents { get; private init; }

    public bool ExitOnStdinClose { get; private init; }

    /// <summary>Reads the command line.</summary>
    /// <exception cref="FormatException">An option is unknown, or its value is missing or wrong.</exception>
    public static ServeArguments Parse(ReadOnlySpan<string> arguments)
    {
        var result = new ServeArguments();
        while (arguments.Length > 0)
        {
            var name = arguments[0];
            if (string.Equals(name, "--exit-on-stdin-close", StringComparison.Ordinal))
            {
                result = result with { ExitOnStdinClose = true };
                arguments = arguments[1..];
                continue;
            }
            result = result.With(name, arguments.Length > 1 ? arguments[1] : null);
            arguments = arguments[2..];
        }
        return result.SeedEvents == 0 || result.Options.Engines.HasFlag(SandboxEngines.ClickHouse)
            ? result
            : throw new FormatException("--seed needs clickhouse among the --engines.");
    }

    private ServeArguments With(string name, string? value) => name switch
    {
        "--engines" => this with { Options = Options with { Engines = SandboxEnginesText.FromCommandLine(Required(name, value)) } },
        "--clickhouse-port" => this with { Options = Options with { ClickHousePort = Number(name, value, 65535) } },
        "--redis-port" => this with { Options = Options with { RedisPort = Number(name, value, 65535) } },
        "--postgres-port" => this with { Options = Options with { PostgresPort = Number(name, value, 65535) } },
        "--data" => this with { Options = Options with { DataDirectory = Required(name, value) } },
        "--seed" => this with { SeedEvents = Number(name, value, int.MaxValue) },
        _ => throw new FormatException($"Unknown option: {name}"),
    };

    private static string Required(string name, string? value) =>
        string.IsNullOrEmpty(value) ? throw new FormatException($"{name} needs a value.") : value;

    private static int Number(string name, string? value, int most) =>
        int.TryParse(Required(name, value), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= most
            ? number
            : throw new FormatException($"{name} needs a whole number up to {most.ToString(CultureInfo.InvariantCulture)}, not '{value}'.");
}
