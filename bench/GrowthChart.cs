using System.Globalization;
using System.Text;

namespace ProjectionReplay.Bench;

/// <summary>Draws seconds per million events over the size of the log: a level line is linear growth.</summary>
internal static class GrowthChart
{
    private const int Width = 640;
    private const int Height = 320;
    private const int Left = 60;
    private const int Right = 20;
    private const int Top = 40;
    private const int Bottom = 50;

    public static string Draw(string projection, IReadOnlyList<(long Events, double Seconds)> points)
    {
        var top = Math.Ceiling(points.Max(point => point.Seconds) * 1.25);
        var (least, most) = (Math.Log10(points[0].Events), Math.Log10(points[^1].Events));
        double X(long events) => Left + ((Width - Left - Right) * (most > least ? (Math.Log10(events) - least) / (most - least) : 0.5));
        double Y(double seconds) => Height - Bottom - ((Height - Top - Bottom) * seconds / top);

        var svg = new StringBuilder();
        const string Look = "font-family=\"sans-serif\" font-size=\"12\" role=\"img\"";
        Line($"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Width} {Height}" {Look}>""");
        Line($"""<title>Seconds to replay a million events of {projection}, by the size of the log</title>""");
        Line($"""<rect width="{Width}" height="{Height}" fill="#fff"/>""");
        Line($"""<text x="{Left}" y="22" font-size="14">{projection}: seconds per million events, by the size of the log</text>""");
        for (var tick = 0; tick <= 4; tick++)
        {
            var seconds = top * tick / 4;
            Line($"""<line x1="{Left}" x2="{Width - Right}" y1="{Y(seconds):0.#}" y2="{Y(seconds):0.#}" stroke="#ddd"/>""");
            Line($"""<text x="{Left - 8}" y="{Y(seconds) + 4:0.#}" text-anchor="end">{seconds:0.##}</text>""");
        }

        var line = string.Join(" ", points.Select(point =>
            string.Create(CultureInfo.InvariantCulture, $"{X(point.Events):0.#},{Y(point.Seconds):0.#}")));
        Line($"""<polyline fill="none" stroke="#1f6feb" stroke-width="2" points="{line}"/>""");
        foreach (var (events, seconds) in points)
        {
            Line($"""<circle cx="{X(events):0.#}" cy="{Y(seconds):0.#}" r="4" fill="#1f6feb"/>""");
            Line($"""<text x="{X(events):0.#}" y="{Y(seconds) - 10:0.#}" text-anchor="middle">{seconds:0.00}</text>""");
            Line($"""<text x="{X(events):0.#}" y="{Height - Bottom + 20}" text-anchor="middle">{events:N0}</text>""");
        }

        Line($"""<text x="{Width / 2}" y="{Height - 10}" text-anchor="middle">events in the log</text>""");
        return svg.AppendLine("</svg>").ToString();

        void Line(FormattableString text) => svg.AppendLine(text.ToString(CultureInfo.InvariantCulture));
    }
}
