using System.Buffers;
using System.Globalization;

namespace ProjectionReplay.Json;

/// <summary>Writes one value as <c>JSON.stringify</c> does. Containers wait on a stack of their own. For one use.</summary>
internal ref struct EcmaScriptWriter
{
    /// <summary>What a string may have to escape; surrogates only where they stand alone.</summary>
    private static readonly SearchValues<char> Suspects = SearchValues.Create(
        [.. Enumerable.Range(0, ' ').Select(unit => (char)unit), '"', '\\', .. Enumerable.Range(0xD800, 0x800).Select(unit => (char)unit)]);

    private char[] _text;
    private int _length;
    private Container[] _open = [];
    private int _depth;

    public EcmaScriptWriter() => _text = ArrayPool<char>.Shared.Rent(1024);

    public string Write(EcmaScriptValue value)
    {
        WriteValue(value);
        while (_depth > 0)
        {
            if (MoveNext(ref _open[_depth - 1], out var element)) WriteValue(element);
            else _depth--;
        }

        var text = new string(_text, 0, _length);
        ArrayPool<char>.Shared.Return(_text);
        return text;
    }

    private void WriteValue(EcmaScriptValue value)
    {
        switch (value.Kind)
        {
            case EcmaScriptKind.Boolean:
                Append(value.Boolean ? "true" : "false");
                break;
            case EcmaScriptKind.Number when double.IsFinite(value.Number):
                _length += EcmaScriptNumber.Format(value.Number, Reserve(EcmaScriptNumber.MaxTextLength));
                break;
            case EcmaScriptKind.Text:
                WriteText(value.Text);
                break;
            case EcmaScriptKind.List:
                Append('[');
                Open(value);
                break;
            case EcmaScriptKind.Record:
                Append('{');
                Open(value);
                break;
            default:
                Append("null");
                break;
        }
    }

    private void Open(EcmaScriptValue container)
    {
        if (_depth == _open.Length) Array.Resize(ref _open, Math.Max(4, _depth * 2));
        _open[_depth++] = new Container(container);
    }

    /// <summary>Writes what stands before the next element of a container and hands it over, or closes the container.</summary>
    private bool MoveNext(ref Container container, out EcmaScriptValue element)
    {
        element = default;
        var value = container.Value;
        var isList = value.Kind == EcmaScriptKind.List;
        if (container.Written == (isList ? value.List.Count : value.Record.Count))
        {
            Append(isList ? ']' : '}');
            return false;
        }

        if (container.Written > 0) Append(',');
        if (isList)
        {
            element = value.List[container.Written];
        }
        else
        {
            (var key, element) = value.Record[container.Written];
            WriteText(key);
            Append(':');
        }

        container.Written++;
        return true;
    }

    private void WriteText(ReadOnlySpan<char> value)
    {
        Append('"');
        while (value.IndexOfAny(Suspects) is >= 0 and var suspect)
        {
            var isPair = suspect + 1 < value.Length && char.IsSurrogatePair(value[suspect], value[suspect + 1]);
            var plain = isPair ? suspect + 2 : suspect;
            Append(value[..plain]);
            if (!isPair) WriteEscape(value[plain++]);
            value = value[plain..];
        }

        Append(value);
        Append('"');
    }

    private void WriteEscape(char character)
    {
        switch (character)
        {
            case '"': Append("\\\""); break;
            case '\\': Append("\\\\"); break;
            case '\b': Append("\\b"); break;
            case '\t': Append("\\t"); break;
            case '\n': Append("\\n"); break;
            case '\f': Append("\\f"); break;
            case '\r': Append("\\r"); break;
            default:
                Append("\\u");
                ((int)character).TryFormat(Reserve(4), out var written, "x4", CultureInfo.InvariantCulture);
                _length += written;
                break;
        }
    }

    private void Append(char character)
    {
        Reserve(1)[0] = character;
        _length++;
    }

    private void Append(ReadOnlySpan<char> characters)
    {
        characters.CopyTo(Reserve(characters.Length));
        _length += characters.Length;
    }

    private Span<char> Reserve(int count)
    {
        if (_text.Length - _length < count)
        {
            var larger = ArrayPool<char>.Shared.Rent(Math.Max(checked(_length + count), (int)Math.Min(2L * _text.Length, Array.MaxLength)));
            _text.AsSpan(0, _length).CopyTo(larger);
            ArrayPool<char>.Shared.Return(_text);
            _text = larger;
        }

        return _text.AsSpan(_length);
    }

    /// <summary>A list or a record that is still being written.</summary>
    private struct Container(EcmaScriptValue value)
    {
        public EcmaScriptValue Value { get; } = value;

        /// <summary>The elements written so far.</summary>
        public int Written { get; set; }
    }
}
