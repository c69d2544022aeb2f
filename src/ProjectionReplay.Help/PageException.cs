namespace ProjectionReplay.Help;

/// <summary>A page of the documentation that cannot become help, and the line at fault.</summary>
internal sealed class PageException(string file, int line, string problem) : Exception(problem)
{
    /// <summary>The page.</summary>
    public string File { get; } = file;

    /// <summary>The line, counted from 1.</summary>
    public int Line { get; } = line;

    /// <summary>The problem in the form in which a build shows the place.</summary>
    public override string ToString() => $"{File}({Line}): error HELP: {Message}";
}
