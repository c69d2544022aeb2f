using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using dotenv.net;
using ProjectionReplay.Faults;

namespace ProjectionReplay.Configuration;

/// <summary>
/// A <c>.env</c> file. One variable is read at a time, from the line that it stands on, so that lines which other programs
/// need do no harm here, whatever they hold. Safe for concurrent use.
/// </summary>
internal sealed partial class DotEnvFile
{
    private readonly Lazy<Content> _content;
    private readonly ReplayError _error;

    /// <param name="path">The file, which need not be there.</param>
    /// <param name="error">What it is called when the file, or a line that is needed, cannot be read.</param>
    public DotEnvFile(string path, ReplayError error)
    {
        Path = path;
        _error = error;
        _content = new(Read);
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Why the file does not have a variable: for messages.</summary>
    public string Absence => _content.Value switch
    {
        { Lines: not null } => "the file has no such line",
        { IsFolder: true } => "that is a folder, not a file",
        _ => "no such file",
    };

    /// <summary>Finds a variable: its last line counts.</summary>
    /// <returns>The value and the number of its line; null when the file has none.</returns>
    /// <exception cref="ReplayException">The file, or the variable's line, cannot be read.</exception>
    public (string Value, int Line)? Find(string variable)
    {
        if (_content.Value.Lines is not { } lines) return null;
        int? found = null;
        int? broken = null;
        (int Line, int Opening)? swallowed = null;
        for (var i = 0; i < lines.Length; i++)
        {
            if (Assignment().Match(lines[i]) is not { Success: true } assignment)
            {
                if (IsBroken(lines[i], variable)) broken = i;
            }
            else if (assignment.Groups["name"].Value == variable)
            {
                found = i;
            }
            else if (FindClosingLine(lines, i, assignment.Groups["value"].Value) is { } end)
            {
                // Text of another program, which may look like anything.
                var inside = Array.FindIndex(lines, i + 1, end - i, line => IsAssignment(line, variable));
                if (inside >= 0) swallowed = (inside, i);
                i = end;
            }
        }

        if (found is { } line) return (ReadValue(lines[line], variable, line + 1), line + 1);
        if (broken is { } at) throw Invalid(at + 1, variable, "has no '=' behind the name. Put it in.");

        // Either a quote that somebody forgot, or text that only looks like a setting. To guess could mean another server.
        if (swallowed is { } lost)
        {
            throw Invalid(
                lost.Line + 1,
                variable,
                string.Create(CultureInfo.InvariantCulture, $"stands inside the quoted text that begins on line {lost.Opening + 1}. ")
                    + "Close that quote, or move the line to the top.");
        }

        return null;
    }

    /// <summary>A line that sets a variable, as shells and the libraries of many languages have it.</summary>
    [GeneratedRegex(
        @"^\s*(export\s+)?(?<name>[A-Za-z_][A-Za-z0-9_.-]*)\s*=\s*(?<value>.*)$",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Assignment();

    private static bool IsAssignment(string line, string variable) =>
        Assignment().Match(line) is { Success: true } match && match.Groups["name"].Value == variable;

    /// <summary>Whether a line names a variable, and has something else than '=' behind it.</summary>
    private static bool IsBroken(string line, string variable)
    {
        var text = line.AsSpan().Trim();
        if (text.StartsWith("export ", StringComparison.Ordinal)) text = text["export ".Length..].TrimStart();
        return text.StartsWith(variable, StringComparison.Ordinal) && text.Length > variable.Length
            && text[variable.Length] is var next && !char.IsAsciiLetterOrDigit(next) && next is not ('_' or '.' or '-');
    }

    /// <summary>The line that closes the quote which a value opens and does not close; null when none does.</summary>
    private static int? FindClosingLine(string[] lines, int opening, string value)
    {
        if (value is not ['"' or '\'', ..] || FindQuote(value, value[0], 1) >= 0) return null;
        for (var i = opening + 1; i < lines.Length; i++)
        {
            // The next quoted value begins: this one was never closed.
            if (Assignment().Match(lines[i]) is { Success: true } next && next.Groups["value"].Value.StartsWith(value[0])) return null;
            if (FindQuote(lines[i], value[0], 0) is >= 0 and var quote) return IsNothing(lines[i].AsSpan(quote + 1)) ? i : null;
        }

        return null;
    }

    private static int FindQuote(string text, char quote, int start)
    {
        for (var i = text.IndexOf(quote, start); i >= 0; i = text.IndexOf(quote, i + 1))
        {
            if (i == 0 || text[i - 1] != '\\') return i;
        }

        return -1;
    }

    /// <summary>Whether what stands behind a quoted value is nothing, or a comment.</summary>
    private static bool IsNothing(ReadOnlySpan<char> rest) => rest.TrimStart() is [] or ['#', ..];

    private string ReadValue(string line, string variable, int number)
    {
        var value = Assignment().Match(line).Groups["value"].Value;
        if (value is ['"' or '\'', ..])
        {
            var close = FindQuote(value, value[0], 1);
            if (close < 0) throw Invalid(number, variable, "has a quote that is not closed. Close it.");
            if (!IsNothing(value.AsSpan(close + 1))) throw Invalid(number, variable, "has text behind its quotes. Take it out.");
        }

        if (value.Any(letter => letter == '\uFFFD' || (char.IsControl(letter) && letter != '\t')))
        {
            throw Invalid(number, variable, "has bytes that are no text. Save the file as UTF-8.");
        }

        // The line alone: the library gives up the whole file for one line that it does not understand.
        using var text = new MemoryStream(Encoding.UTF8.GetBytes(line));
        try
        {
            return DotEnv.Read(new DotEnvOptions(
                ignoreExceptions: false,
                encoding: Encoding.UTF8,
                trimValues: true,
                supportExportSyntax: true,
                envStreams: [text],
                supportInlineComments: true,
                // A $ in a password is a $.
                supportVariableExpansion: false)).TryGetValue(variable, out var read) ? read : "";
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException)
        {
            // Its words may have the value in them.
            throw Invalid(number, variable, "is not NAME=value. Correct it.", exception);
        }
    }

    private Content Read()
    {
        try
        {
            return new(File.ReadAllText(Path, Encoding.UTF8).Split(["\r\n", "\n", "\r"], StringSplitOptions.None), IsFolder: false);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return new(null, IsFolder: false);
        }
        catch (UnauthorizedAccessException) when (Directory.Exists(Path))
        {
            // As some people call the folder of a Python environment.
            return new(null, IsFolder: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ReplayException(
                _error,
                $"The file '{Path}' cannot be read: {exception.Message.TrimEnd('.')}. "
                    + "Correct that, or give the setting by parameter or environment variable.",
                exception);
        }
    }

    /// <summary>Says what is wrong with a line. Never quotes its value.</summary>
    private ReplayException Invalid(int line, string variable, string problem, Exception? exception = null) => new(
        _error,
        string.Create(CultureInfo.InvariantCulture, $"The file '{Path}' cannot be read: line {line} ({variable}) {problem}"),
        exception);

    private sealed record Content(string[]? Lines, bool IsFolder);
}
