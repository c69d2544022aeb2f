namespace ProjectionReplay.Comparison;

/// <summary>
/// What is named in queries, put into groups of what one query can name: few enough for a parameter, many enough that
/// the queries do not count.
/// </summary>
internal static class QueryGroups
{
    private const int MostNamed = 500;
    private const int MostBytes = 32 * 1024;

    /// <summary>Cuts items into groups, in their order. One that is too large by itself is a group of its own.</summary>
    /// <param name="items">The items.</param>
    /// <param name="byteCount">What an item takes, UTF-8.</param>
    public static IEnumerable<IReadOnlyList<T>> Cut<T>(IEnumerable<T> items, Func<T, int> byteCount)
    {
        var (group, bytes) = (new List<T>(), 0);
        foreach (var item in items)
        {
            var more = byteCount(item);
            if (group.Count > 0 && (group.Count >= MostNamed || bytes + more > MostBytes))
            {
                yield return group;
                (group, bytes) = ([], 0);
            }

            group.Add(item);
            bytes += more;
        }

        if (group.Count > 0) yield return group;
    }
}
