using System.Text;

namespace ProjectionReplay.Projections;

/// <summary>
/// A text of a state, or none, as the UTF-8 that it came as and is stored as: no string is made on the way, and a text
/// that takes the place of another takes its memory too. The default is none. Mutable: to be kept as a field.
/// </summary>
internal struct StateText
{
    private byte[]? _bytes;

    // One more than the length, so that the default is no text.
    private int _lengthAndOne;

    /// <summary>Whether there is none.</summary>
    public readonly bool IsNone => _lengthAndOne == 0;

    /// <summary>The text; empty when there is none.</summary>
    public readonly ReadOnlySpan<byte> Utf8 => IsNone ? default : _bytes.AsSpan(0, _lengthAndOne - 1);

    /// <summary>Takes a text.</summary>
    public void Set(ReadOnlySpan<byte> utf8)
    {
        if (_bytes is null || _bytes.Length < utf8.Length) _bytes = new byte[Math.Max(utf8.Length, 32)];
        utf8.CopyTo(_bytes);
        _lengthAndOne = utf8.Length + 1;
    }

    /// <summary>Takes a text, whose lone surrogates become U+FFFD, or none.</summary>
    public void Set(string? text)
    {
        if (text is null) Clear();
        else Set(Encoding.UTF8.GetBytes(text));
    }

    /// <summary>Makes it none.</summary>
    public void Clear() => _lengthAndOne = 0;

    /// <summary>The text as a string; null when there is none.</summary>
    public override readonly string? ToString() => IsNone ? null : Encoding.UTF8.GetString(Utf8);
}
