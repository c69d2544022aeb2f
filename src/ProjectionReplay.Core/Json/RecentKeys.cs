namespace ProjectionReplay.Json;

/// <summary>The keys that a thread has met last: the same few come again and again, and need no text of their own.</summary>
internal static class RecentKeys
{
    private const int Count = 64;
    private const int MaxLength = 24;

    [ThreadStatic]
    private static string?[]? t_keys;

    /// <summary>The text of some characters.</summary>
    public static string Get(ReadOnlySpan<char> key)
    {
        if (key.Length is 0 or > MaxLength) return key.ToString();
        var keys = t_keys ??= new string?[Count];
        ref var recent = ref keys[(key[0] + (key[^1] * 7) + (key.Length * 31)) % Count];
        return recent is not null && key.SequenceEqual(recent) ? recent : recent = key.ToString();
    }
}
