using System.Globalization;
using System.Text;
using dotenv.net;
using ProjectionReplay.Replay;

namespace ProjectionReplay.Configuration;

/// <summary>
/// Where settings come from: a parameter, else an environment variable, else <c>.env</c> in a directory. The file is
/// read when it is asked for. Safe for concurrent use.
/// </summary>
internal sealed class SettingSources
{
    private readonly Lazy<IDictionary<string, string>> _dotEnv;
    private readonly Func<string, string?> _environment;
    private readonly string? _dotEnvPath;

    /// <summary>Sets the sources.</summary>
    /// <param name="directory">The directory whose <c>.env</c> is read, or null for none.</param>
    /// <param name="environment">Reads an environment variable; the process environment when null.</param>
    public SettingSources(string? directory, Func<string, string?>? environment)
    {
        _dotEnvPath = directory is null ? null : Path.Combine(directory, ".env");
        _environment = environment ?? Environment.GetEnvironmentVariable;
        _dotEnv = new(ReadDotEnv);
    }

    /// <summary>Finds a setting.</summary>
    /// <param name="given">What was given as parameter, or null.</param>
    /// <param name="parameter">The parameter, for messages.</param>
    /// <param name="variable">The variable.</param>
    /// <returns>The value and what gave it, or null when nobody did.</returns>
    public (string Value, string Source)? Find(string? given, string parameter, string variable)
    {
        if (!string.IsNullOrWhiteSpace(given)) return (given, parameter);
        if (_environment(variable) is { } inherited && !string.IsNullOrWhiteSpace(inherited)) return (inherited, variable);
        if (_dotEnv.Value.TryGetValue(variable, out var kept) && !string.IsNullOrWhiteSpace(kept))
        {
            return (kept, $"{variable} of {_dotEnvPath}");
        }

        return null;
    }

    /// <summary>Where a variable would have to stand in the file, and why it does not: for messages.</summary>
    public string DescribeFile(string variable) => _dotEnvPath is null ? "a .env file (none: the current location is not a folder)"
        : File.Exists(_dotEnvPath) ? $"{variable} in '{_dotEnvPath}' (the file has no such line)"
        : $"{variable} in '{_dotEnvPath}' (no such file)";

    private IDictionary<string, string> ReadDotEnv()
    {
        if (_dotEnvPath is null || !File.Exists(_dotEnvPath)) return new Dictionary<string, string>(StringComparer.Ordinal);
        try
        {
            return DotEnv.Read(new DotEnvOptions(
                ignoreExceptions: false,
                envFilePaths: [_dotEnvPath],
                encoding: Encoding.UTF8,
                trimValues: true,
                probeForEnv: false,
                supportExportSyntax: true,
                supportInlineComments: true,
                // A $ in a password is a $.
                supportVariableExpansion: false));
        }
        catch (ArgumentException exception)
        {
            throw Unreadable($"{FindOpenQuote(_dotEnvPath)} has a quote that is not closed. Close it, or take the line out.", exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Unreadable($"{exception.Message} Give the setting by parameter or environment variable, or correct that.", exception);
        }
    }

    private ReplayException Unreadable(string why, Exception exception) =>
        new(ReplayError.ConnectionUrlInvalid, $"The file '{_dotEnvPath}' cannot be read: {why}", exception);

    /// <summary>Names the line whose value begins with a quote that nothing closes. Never quotes the value.</summary>
    private static string FindOpenQuote(string path)
    {
        var lines = File.ReadAllLines(path);
        for (var i = 0; i < lines.Length; i++)
        {
            if (lines[i].Split('=', 2) is not [var name, var rest] || rest.TrimStart() is not ['"' or '\'', ..] value) continue;
            var isClosed = value.IndexOf(value[0], 1) > 0
                || lines.Skip(i + 1).Any(line => line.Contains(value[0], StringComparison.Ordinal));
            if (!isClosed) return string.Create(CultureInfo.InvariantCulture, $"line {i + 1} ({name.Trim()})");
        }

        return "a line";
    }
}
