using System.Globalization;
using ProjectionReplay.Faults;

namespace ProjectionReplay.Configuration;

/// <summary>
/// Where settings come from: a parameter, else an environment variable, else <c>.env</c> in a directory. The file is
/// read when it is asked for. Safe for concurrent use.
/// </summary>
internal sealed class SettingSources
{
    private readonly DotEnvFile? _dotEnv;
    private readonly Func<string, string?> _environment;

    /// <summary>Sets the sources.</summary>
    /// <param name="directory">The directory whose <c>.env</c> is read, or null for none.</param>
    /// <param name="environment">Reads an environment variable; the process environment when null.</param>
    /// <param name="error">What it is called when <c>.env</c>, or a line of it that is needed, cannot be read.</param>
    public SettingSources(string? directory, Func<string, string?>? environment, ReplayError error = ReplayError.ConnectionUrlInvalid)
    {
        _dotEnv = directory is null ? null : new DotEnvFile(Path.Combine(directory, ".env"), error);
        _environment = environment ?? Environment.GetEnvironmentVariable;
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
        if (_dotEnv?.Find(variable) is { } kept && !string.IsNullOrWhiteSpace(kept.Value))
        {
            return (kept.Value, string.Create(CultureInfo.InvariantCulture, $"{variable} of {_dotEnv.Path} (line {kept.Line})"));
        }

        return null;
    }

    /// <summary>Where a variable would have to stand in the file, and why it does not: for messages.</summary>
    public string DescribeFile(string variable) => _dotEnv is null
        ? "a .env file (none: the current location is not a folder)"
        : $"{variable} in '{_dotEnv.Path}' ({_dotEnv.Absence})";
}
