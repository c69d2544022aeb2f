namespace ProjectionReplay.Projections;

/// <summary>Finds the name that was probably meant by one that does not exist.</summary>
internal static class SimilarName
{
    /// <summary>One letter in three may be wrong: beyond that a suggestion is a guess.</summary>
    private const int LettersPerMistake = 3;

    /// <summary>The nearest of the known names, or null when none is near.</summary>
    public static string? Find(string name, IEnumerable<string> known)
    {
        var nearest = known
            .Select(candidate => (Name: candidate, Distance: Distance(name, candidate)))
            .MinBy(candidate => candidate.Distance);
        return nearest.Name is not null && nearest.Distance * LettersPerMistake <= name.Length ? nearest.Name : null;
    }

    /// <summary>The least number of letters to insert, remove or replace; case does not count.</summary>
    private static int Distance(string left, string right)
    {
        var row = Enumerable.Range(0, right.Length + 1).ToArray();
        for (var i = 1; i <= left.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= right.Length; j++)
            {
                var same = char.ToUpperInvariant(left[i - 1]) == char.ToUpperInvariant(right[j - 1]);
                var replaced = diagonal + (same ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[^1];
    }
}
