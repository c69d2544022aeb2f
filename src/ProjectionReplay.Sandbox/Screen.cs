using System.Diagnostics;
using System.Globalization;

namespace ProjectionReplay.Sandbox;

/// <summary>The terminal that the output goes to, if it goes to one.</summary>
internal static class Screen
{
    private const int WidthOfFiles = 100;
    private const int Narrowest = 40;

    /// <summary>
    /// The characters of a line. The last column stays free: there are terminals that begin a new line when it is filled.
    /// </summary>
    public static int Width => Console.IsOutputRedirected ? WidthOfFiles : Math.Max(Narrowest, Console.WindowWidth - 1);

    /// <summary>Breaks lines that are too long, between words. A word that is too long itself, such as a path, stays whole.</summary>
    public static string Wrap(string text) => Wrap(text, Width);

    internal static string Wrap(string text, int width) =>
        string.Join('\n', text.ReplaceLineEndings("\n").Split('\n').SelectMany(line => Broken(line, width)));

    /// <summary>
    /// Waits, and says on standard error how long that took: on a terminal the seconds go by, so that nobody takes the
    /// silence for the end.
    /// </summary>
    /// <param name="who">Who is at work, to begin the line with.</param>
    /// <param name="work">What is waited for.</param>
    public static async Task<T> WaitAsync<T>(string who, Task<T> work)
    {
        var started = Stopwatch.GetTimestamp();
        while (await Task.WhenAny(work, Task.Delay(TimeSpan.FromSeconds(1))) != work)
        {
            if (!Console.IsErrorRedirected)
                await Console.Error.WriteAsync($"\r{who} has been at work for {Seconds()}");
        }
        if (!Console.IsErrorRedirected)
            await Console.Error.WriteAsync("\r");
        var result = await work;

        // As long as what it takes the place of.
        await Console.Error.WriteLineAsync($"{who} is done after {Seconds()}          ");
        return result;

        string Seconds() => string.Create(CultureInfo.InvariantCulture, $"{Stopwatch.GetElapsedTime(started).TotalSeconds:0} s.");
    }

    private static IEnumerable<string> Broken(string line, int width)
    {
        // What is set in stays set in.
        var margin = line[..^line.TrimStart().Length];
        while (line.Length > width)
        {
            var end = line.LastIndexOf(' ', width);
            if (end <= margin.Length)
                end = line.IndexOf(' ', Math.Max(width, margin.Length));
            if (end < 0)
                break;
            yield return line[..end].TrimEnd();
            line = margin + line[end..].TrimStart();
        }
        yield return line;
    }
}
