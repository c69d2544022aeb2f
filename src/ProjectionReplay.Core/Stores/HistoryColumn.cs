using System.Runtime.InteropServices;

namespace ProjectionReplay.Stores;

/// <summary>A column that first events set.</summary>
/// <param name="Index">Which of the columns that are written.</param>
/// <param name="Unit">Milliseconds that the table can tell apart.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct HistoryColumn(int Index, long Unit)
{
    /// <summary>What no time is: later than any.</summary>
    public const long Null = long.MaxValue;

    /// <summary>The column, whose types are those that are written and stored; null when the two cannot be compared.</summary>
    public static HistoryColumn? Of(int index, string written, string stored)
    {
        const string Nullable = "Nullable(";
        if (written.StartsWith(Nullable, StringComparison.Ordinal))
        {
            return stored.StartsWith(Nullable, StringComparison.Ordinal) ? new HistoryColumn(index, 1) : null;
        }

        if (!stored.StartsWith("DateTime", StringComparison.Ordinal)) return null;
        string[] fine = ["DateTime64(3", "DateTime64(6", "DateTime64(9"];
        var isFine = Array.Exists(fine, type => stored.StartsWith(type, StringComparison.Ordinal));
        return new HistoryColumn(index, isFine ? 1 : 1_000);
    }

    /// <summary>Whether a stored value knows of an earlier event than a new one. A time of 0 is none.</summary>
    public bool KnowsMore(long stored, long made) => (stored == 0 ? Null : stored / Unit) < (made == 0 ? Null : made / Unit);
}
