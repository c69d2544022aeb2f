using System.Text;
using dotenv.net;

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
}
