namespace ProjectionReplay.Sandbox.Seeding;

/// <summary>
/// Random numbers that stay the same on every machine and .NET version (SplitMix64), so that a
/// seed always makes the same events.
/// </summary>
internal sealed class SeedRandom(ulong seed)
{
    private const string Base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private const string Hex = "0123456789abcdef";

    private ulong _state = seed;

    /// <summary>A number from 0 up to, not including, the limit.</summary>
    public int Below(int limit) => (int)Math.BigMul(Next(), (ulong)limit, out _);

    /// <summary>A number from 0 up to, not including, 1.</summary>
    public double Fraction() => (Next() >> 11) * (1.0 / (1UL << 53));

    public T Of<T>(ReadOnlySpan<T> items) => items[Below(items.Length)];

    /// <summary>Letters and digits, as in KSUIDs.</summary>
    public string Letters(int length) => Text(length, Base62);

    /// <summary>Hexadecimal digits, as in trace and span ids.</summary>
    public string HexDigits(int length) => Text(length, Hex);

    private string Text(int length, string alphabet) => string.Create(length, (this, alphabet), static (text, source) =>
    {
        var (random, alphabet) = source;
        foreach (ref var letter in text)
            letter = alphabet[random.Below(alphabet.Length)];
    });

    private ulong Next()
    {
        _state += 0x9E3779B97F4A7C15;
        var value = _state;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
