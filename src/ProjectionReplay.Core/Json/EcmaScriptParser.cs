using System.Buffers;
using System.Globalization;
using System.Text;

namespace ProjectionReplay.Json;

/// <summary>
/// Reads one JSON value as RFC 8259 has it, and lone surrogates besides. Containers wait on a stack of their own. Text
/// that is not JSON is common, so that it is told without an exception. For one use.
/// </summary>
internal ref struct EcmaScriptParser
{
    /// <summary>Where plain text inside a string ends.</summary>
    private static readonly SearchValues<char> TextEnds =
        SearchValues.Create([.. Enumerable.Range(0, ' ').Select(unit => (char)unit), '"', '\\']);

    private readonly ReadOnlySpan<char> _json;
    private Container[] _open = [];
    private int _depth;
    private int _position;

    public EcmaScriptParser(ReadOnlySpan<char> json) => _json = json;

    /// <summary>Where the text ceased to be JSON, once <see cref="TryParse"/> said no.</summary>
    public int FailedAt { get; private set; } = -1;

    public bool TryParse(out EcmaScriptValue value)
    {
        while (true)
        {
            // A container that has just been opened is not a value yet: its first element comes next.
            if (!TryReadValue(out value, out var isOpened)) return false;
            if (isOpened) continue;
            while (true)
            {
                SkipWhitespace();
                if (_depth == 0) return _position == _json.Length || Fail(_position);
                ref var container = ref _open[_depth - 1];
                container.Add(value);
                var separator = Next();
                if (separator == ',')
                {
                    if (container.Record is not null && !TryReadKey(ref container)) return false;
                    break;
                }

                if (separator != container.Closing) return Fail(_position - 1);
                value = container.Value;
                _depth--;
            }
        }
    }

    /// <summary>Reads a value, or opens a container that is not empty.</summary>
    private bool TryReadValue(out EcmaScriptValue value, out bool isOpened)
    {
        (value, isOpened) = (default, false);
        SkipWhitespace();
        var start = _position;
        switch (Next())
        {
            case '{':
                return TryOpen(new Container(new EcmaScriptRecord()), out value, out isOpened);
            case '[':
                return TryOpen(new Container([]), out value, out isOpened);
            case '"':
                if (!TryReadText(out var text)) return false;
                value = EcmaScriptValue.From(text);
                return true;
            case 't':
                value = EcmaScriptValue.From(true);
                return TryReadWord("true", start);
            case 'f':
                value = EcmaScriptValue.From(false);
                return TryReadWord("false", start);
            case 'n':
                return TryReadWord("null", start);
            case '-' or (>= '0' and <= '9'):
                if (!TryReadNumber(start, out var number)) return false;
                value = EcmaScriptValue.From(number);
                return true;
            default:
                return Fail(start);
        }
    }

    private bool TryOpen(Container container, out EcmaScriptValue value, out bool isOpened)
    {
        (value, isOpened) = (container.Value, false);
        SkipWhitespace();
        if (_position < _json.Length && _json[_position] == container.Closing)
        {
            _position++;
            return true;
        }

        isOpened = true;
        if (_depth == _open.Length) Array.Resize(ref _open, Math.Max(4, _depth * 2));
        _open[_depth++] = container;
        return container.Record is null || TryReadKey(ref _open[_depth - 1]);
    }

    private bool TryReadKey(ref Container container)
    {
        SkipWhitespace();
        if (Next() != '"') return Fail(_position - 1);
        if (!TryReadText(out var key, isKey: true)) return false;
        container.Key = key;
        SkipWhitespace();
        return Next() == ':' || Fail(_position - 1);
    }

    private bool TryReadText(out string text, bool isKey = false)
    {
        text = "";
        StringBuilder? pieces = null;
        while (true)
        {
            var rest = _json[_position..];
            var length = rest.IndexOfAny(TextEnds);
            if (length < 0) return Fail(_json.Length);
            _position += length + 1;
            switch (rest[length])
            {
                case '"':
                    if (pieces is not null) text = pieces.Append(rest[..length]).ToString();
                    else text = isKey ? RecentKeys.Get(rest[..length]) : rest[..length].ToString();
                    return true;
                case '\\':
                    if (!TryReadEscape(out var escaped)) return false;
                    (pieces ??= new StringBuilder()).Append(rest[..length]).Append(escaped);
                    break;
                default:
                    return Fail(_position - 1);
            }
        }
    }

    private bool TryReadEscape(out char character)
    {
        character = Next();
        switch (character)
        {
            case '"' or '\\' or '/': return true;
            case 'b': character = '\b'; return true;
            case 'f': character = '\f'; return true;
            case 'n': character = '\n'; return true;
            case 'r': character = '\r'; return true;
            case 't': character = '\t'; return true;
            case 'u':
                if (_json.Length - _position < 4
                    || !ushort.TryParse(
                        _json.Slice(_position, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var unit))
                {
                    return Fail(_position);
                }

                _position += 4;
                character = (char)unit;
                return true;
            default:
                return Fail(_position - 1);
        }
    }

    private bool TryReadNumber(int start, out double number)
    {
        number = 0;
        _position = start;
        if (_json[_position] == '-') _position++;
        var leadingZero = _position < _json.Length && _json[_position] == '0';
        if (!TryReadDigits(out var digits)) return false;
        if (digits > 1 && leadingZero) return Fail(start);

        if (_position < _json.Length && _json[_position] == '.')
        {
            _position++;
            if (!TryReadDigits(out _)) return false;
        }

        if (_position < _json.Length && _json[_position] is 'e' or 'E')
        {
            _position++;
            if (_position < _json.Length && _json[_position] is '+' or '-') _position++;
            if (!TryReadDigits(out _)) return false;
        }

        number = double.Parse(_json[start.._position], NumberStyles.Float, CultureInfo.InvariantCulture);
        return true;
    }

    private bool TryReadDigits(out int count)
    {
        var start = _position;
        while (_position < _json.Length && char.IsAsciiDigit(_json[_position])) _position++;
        count = _position - start;
        return count > 0 || Fail(_position);
    }

    private bool TryReadWord(string word, int start)
    {
        if (!_json[start..].StartsWith(word, StringComparison.Ordinal)) return Fail(start);
        _position = start + word.Length;
        return true;
    }

    /// <summary>The next character; beyond the end a NUL, which is not JSON anywhere.</summary>
    private char Next()
    {
        var position = _position++;
        return position < _json.Length ? _json[position] : '\0';
    }

    private void SkipWhitespace()
    {
        while (_position < _json.Length && _json[_position] is ' ' or '\t' or '\n' or '\r') _position++;
    }

    private bool Fail(int position)
    {
        FailedAt = Math.Min(position, _json.Length);
        return false;
    }

    /// <summary>A list or a record that is still being read.</summary>
    private struct Container
    {
        private readonly List<EcmaScriptValue>? _list;

        public Container(List<EcmaScriptValue> list) => _list = list;

        public Container(EcmaScriptRecord record) => Record = record;

        public EcmaScriptRecord? Record { get; }

        /// <summary>The key of the member whose value comes next.</summary>
        public string Key { get; set; } = "";

        public readonly char Closing => Record is null ? ']' : '}';

        public readonly EcmaScriptValue Value => Record is null ? EcmaScriptValue.From(_list!) : EcmaScriptValue.From(Record);

        public readonly void Add(EcmaScriptValue value)
        {
            if (Record is null) _list!.Add(value);
            else Record.Set(Key, value);
        }
    }
}
