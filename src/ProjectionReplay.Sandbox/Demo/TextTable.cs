using System.Globalization;

namespace ProjectionReplay.Sandbox.Demo;

/// <summary>A table of text that fits a width.</summary>
internal static class TextTable
{
    private const int Gap = 2;

    /// <summary>The last column is cut down to this, and left out when not even that much is left for it.</summary>
    private const int NarrowestLast = 12;

    /// <summary>
    /// The lines: the header, a rule, and the rows. Numbers stand on the right of their column. Where it is narrow, columns are
    /// left out, the last ones first.
    /// </summary>
    /// <param name="header">The columns' names, the most important first.</param>
    /// <param name="rows">As many cells for each row.</param>
    /// <param name="width">The characters of a line.</param>
    public static IEnumerable<string> Lines(IReadOnlyList<string> header, IReadOnlyList<IReadOnlyList<string>> rows, int width)
    {
        var widths = header.Select((name, i) => rows.Select(row => row[i].Length).Append(name.Length).Max()).ToList();
        while (widths.Count > 1 && WidthOf(widths[..^1]) + Gap + Math.Min(NarrowestLast, widths[^1]) > width)
            widths.RemoveAt(widths.Count - 1);
        var last = width - WidthOf(widths[..^1]) - (widths.Count > 1 ? Gap : 0);
        widths[^1] = Math.Min(widths[^1], last);
        bool[] areNumbers = [.. widths.Select((_, i) => AreNumbers(rows.Select(row => row[i])))];
        return rows
            .Prepend([.. widths.Select(column => new string('-', column))])
            .Prepend(header)
            .Select(cells => Line(cells, widths, areNumbers));
    }

    private static int WidthOf(IReadOnlyCollection<int> widths) => widths.Sum() + (Gap * Math.Max(0, widths.Count - 1));

    private static bool AreNumbers(IEnumerable<string> cells)
    {
        var filled = cells.Where(cell => cell.Length > 0).ToList();
        return filled.Count > 0 && filled.TrueForAll(IsNumber);
    }

    private static bool IsNumber(string cell) => double.TryParse(cell, NumberStyles.Number, CultureInfo.InvariantCulture, out _);

    private static string Line(IReadOnlyList<string> cells, IReadOnlyList<int> widths, bool[] areNumbers) =>
        string.Join(new string(' ', Gap), widths.Select((width, i) => Fit(cells[i], width, areNumbers[i]))).TrimEnd();

    private static string Fit(string cell, int width, bool isNumber) => cell.Length > width ? cell[..(width - 1)] + '…'
        : isNumber ? cell.PadLeft(width)
        : cell.PadRight(width);
}
