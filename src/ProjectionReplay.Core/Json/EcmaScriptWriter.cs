using System.Buffers;
using System.Globalization;
using System.Text;

namespace ProjectionReplay.Json;

/// <summary>Writes one value as <c>JSON.stringify</c> does. Containers wait on a stack of their own. For one use.</summary>
internal sealed class EcmaScriptWriter
{
    /// <summary>What a string may have to escape; surrogates only where they stand alone.</summary>
    private static readonly SearchValues<char> Suspects = SearchValues.Create(
        [.. Enumerable.Range(0, ' ').Select(unit => (char)unit), '"', '\\', .. Enumerable.Range(0xD800, 0x800).Select(unit => (char)unit)]);

    private readonly StringBuilder _text = new();
    private Container[] _open = [];
    private int _depth;

    public string Write(EcmaScriptValue value)
    {
        WriteValue(value);
        while (_depth > 0)
        {
            if (_open[_depth - 1].MoveNext(_text, out var element)) WriteValue(element);
            else _depth--;
        }

        return _text.ToString();
    }

    private void WriteValue(EcmaScriptValue value)
    {
        switch (value.Kind)
        {
            case EcmaScriptKind.Boolean:
                _text.Append(value.Boolean ? "true" : "false");
                break;
            case EcmaScriptKind.Number when double.IsFinite(value.Number):
                Span<char> number = stackalloc char[EcmaScriptNumber.MaxTextLength];
                _text.Append(number[..EcmaScriptNumber.Format(value.Number, number)]);
                break;
            case EcmaScriptKind.Text:
                WriteText(_text, value.Text);
                break;
            case EcmaScriptKind.List:
                _text.Append('[');
                Open(value);
                break;
            case EcmaScriptKind.Record:
                _text.Append('{');
                Open(value);
                break;
            default:
                _text.Append("null");
                break;
        }
    }

    private void Open(EcmaScriptValue container)
    {
        if (_depth == _open.Length) Array.Resize(ref _open, Math.Max(4, _depth * 2));
        _open[_depth++] = new Container(container);
    }

    private static void WriteText(StringBuilder text, ReadOnlySpan<char> value)
    {
        text.Append('"');
        while (value.IndexOfAny(Suspects) is >= 0 and var suspect)
        {
            text.Append(value[..suspect]);
            value = value[suspect..];
            if (value.Length > 1 && char.IsSurrogatePair(value[0], value[1]))
            {
                text.Append(value[..2]);
                value = value[2..];
                continue;
            }

            WriteEscape(text, value[0]);
            value = value[1..];
        }

        text.Append(value).Append('"');
    }

    private static void WriteEscape(StringBuilder text, char character)
    {
        switch (character)
        {
            case '"': text.Append("\\\""); break;
            case '\\': text.Append("\\\\"); break;
            case '\b': text.Append("\\b"); break;
            case '\t': text.Append("\\t"); break;
            case '\n': text.Append("\\n"); break;
            case '\f': text.Append("\\f"); break;
            case '\r': text.Append("\\r"); break;
            default: text.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}"); break;
        }
    }

    /// <summary>A list or a record that is still being written.</summary>
    private struct Container(EcmaScriptValue value)
    {
        private int _written;

        /// <summary>Writes what stands before the next element and hands it over, or closes the container.</summary>
        public bool MoveNext(StringBuilder text, out EcmaScriptValue element)
        {
            element = default;
            var isList = value.Kind == EcmaScriptKind.List;
            if (_written == (isList ? value.List.Count : value.Record.Count))
            {
                text.Append(isList ? ']' : '}');
                return false;
            }

            if (_written > 0) text.Append(',');
            if (isList)
            {
                element = value.List[_written];
            }
            else
            {
                (var key, element) = value.Record[_written];
                WriteText(text, key);
                text.Append(':');
            }

            _written++;
            return true;
        }
    }
}
