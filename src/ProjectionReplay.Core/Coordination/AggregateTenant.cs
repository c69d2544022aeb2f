namespace ProjectionReplay.Coordination;

/// <summary>Reads the tenant from a key string <c>tenant:type:id</c>, any of which may hold colons.</summary>
internal static class AggregateTenant
{
    /// <summary>
    /// Where the tenant ends: before the last type of the live systems, else before the first colon. Whoever asks for that
    /// tenant by an <see cref="AggregateFilter"/> gets the key, too.
    /// </summary>
    /// <returns>The length of the tenant's id; -1 when the key has no colon, so that it is none of ours.</returns>
    public static int Length(string key)
    {
        var length = AggregateFilter.LiveTypes.Max(type => key.LastIndexOf($":{type}:", StringComparison.Ordinal));
        return length >= 0 ? length : key.IndexOf(':', StringComparison.Ordinal);
    }
}
