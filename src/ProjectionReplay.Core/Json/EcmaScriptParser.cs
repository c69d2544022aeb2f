using System.Globalization;
using System.Text;

namespace ProjectionReplay.Json;

/// <summary>Reads one JSON value as RFC 8259 has it, and lone surrogates besides. Containers wait on a stack of their own.</summary>
internal ref struct EcmaScriptParser
{
    private readonly ReadOnlySpan<char> _json;
    private readonly Stack<Container> _open = new();
    private int _position;

    public EcmaScriptParser(ReadOnlySpan<char> json) => _json = json;

    public EcmaScriptValue Parse()
    {
        while (true)
        {
            // A container that has just been opened is not a value yet: its first element comes next.
            if (!TryReadValue(out var value)) continue;
            while (true)
            {
                if (!_open.TryPeek(out var container)) return End(value);
                container.Add(value);
                SkipWhitespace();
                var separator = Next();
                if (separator == ',')
                {
                    if (container.Record is not null) ReadKey();
                    break;
                }

                if (separator != container.Closing) throw Invalid(_position - 1);
                value = _open.Pop().Value;
            }
        }
    }

    /// <summary>Reads a value, or opens a container that is not empty.</summary>
    private bool TryReadValue(out EcmaScriptValue value)
    {
        SkipWhitespace();
        var start = _position;
        switch (Next())
        {
            case '{':
                return TryReadEmpty(new Container(new EcmaScriptRecord()), out value);
            case '[':
                return TryReadEmpty(new Container([]), out value);
            case '"':
                value = EcmaScriptValue.From(ReadText());
                return true;
            case 't':
                Expect("true", start);
                value = EcmaScriptValue.From(true);
                return true;
            case 'f':
                Expect("false", start);
                value = EcmaScriptValue.From(false);
                return true;
            case 'n':
                Expect("null", start);
                value = EcmaScriptValue.Null;
                return true;
            case '-' or (>= '0' and <= '9'):
                value = EcmaScriptValue.From(ReadNumber(start));
                return true;
            default:
                throw Invalid(start);
        }
    }

    private bool TryReadEmpty(Container container, out EcmaScriptValue value)
    {
        value = container.Value;
        SkipWhitespace();
        if (_position < _json.Length && _json[_position] == container.Closing)
        {
            _position++;
            return true;
        }

        _open.Push(container);
        if (container.Record is not null) ReadKey();
        return false;
    }

    private void ReadKey()
    {
        SkipWhitespace();
        if (Next() != '"') throw Invalid(_position - 1);
        _open.Peek().Key = ReadText();
        SkipWhitespace();
        if (Next() != ':') throw Invalid(_position - 1);
    }

    private string ReadText()
    {
        var start = _position;
        StringBuilder? text = null;
        while (true)
        {
            var character = Next();
            if (character < ' ') throw Invalid(_position - 1);
            if (character is not ('"' or '\\')) continue;

            var run = _json[start..(_position - 1)];
            if (character == '"') return text is null ? run.ToString() : text.Append(run).ToString();
            (text ??= new StringBuilder()).Append(run).Append(ReadEscape());
            start = _position;
        }
    }

    private char ReadEscape()
    {
        switch (Next())
        {
            case '"': return '"';
            case '\\': return '\\';
            case '/': return '/';
            case 'b': return '\b';
            case 'f': return '\f';
            case 'n': return '\n';
            case 'r': return '\r';
            case 't': return '\t';
            case 'u':
                if (_json.Length - _position < 4
                    || !ushort.TryParse(_json.Slice(_position, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var unit))
                {
                    throw Invalid(_position);
                }

                _position += 4;
                return (char)unit;
            default:
                throw Invalid(_position - 1);
        }
    }

    private double ReadNumber(int start)
    {
        _position = start;
        if (_json[_position] == '-') _position++;
        var leadingZero = _position < _json.Length && _json[_position] == '0';
        if (ReadDigits() > 1 && leadingZero) throw Invalid(start);

        if (_position < _json.Length && _json[_position] == '.')
        {
            _position++;
            ReadDigits();
        }

        if (_position < _json.Length && _json[_position] is 'e' or 'E')
        {
            _position++;
            if (_position < _json.Length && _json[_position] is '+' or '-') _position++;
            ReadDigits();
        }

        return double.Parse(_json[start.._position], NumberStyles.Float, CultureInfo.InvariantCulture);
    }

    private int ReadDigits()
    {
        var start = _position;
        while (_position < _json.Length && char.IsAsciiDigit(_json[_position])) _position++;
        if (_position == start) throw Invalid(_position);
        return _position - start;
    }

    private void Expect(string word, int start)
    {
        if (!_json[start..].StartsWith(word, StringComparison.Ordinal)) throw Invalid(start);
        _position = start + word.Length;
    }

    private EcmaScriptValue End(EcmaScriptValue value)
    {
        SkipWhitespace();
        return _position == _json.Length ? value : throw Invalid(_position);
    }

    private char Next() => _position < _json.Length ? _json[_position++] : throw Invalid(_position);

    private void SkipWhitespace()
    {
        while (_position < _json.Length && _json[_position] is ' ' or '\t' or '\n' or '\r') _position++;
    }

    private static FormatException Invalid(int position) =>
        new(string.Create(CultureInfo.InvariantCulture, $"Not valid JSON at character {position}."));

    /// <summary>A list or a record that is still being read.</summary>
    private sealed class Container
    {
        private readonly List<EcmaScriptValue>? _list;

        public Container(List<EcmaScriptValue> list) => _list = list;

        public Container(EcmaScriptRecord record) => Record = record;

        public EcmaScriptRecord? Record { get; }

        /// <summary>The key of the member whose value comes next.</summary>
        public string Key { get; set; } = "";

        public char Closing => Record is null ? ']' : '}';

        public EcmaScriptValue Value => Record is null ? EcmaScriptValue.From(_list!) : EcmaScriptValue.From(Record);

        public void Add(EcmaScriptValue value)
        {
            if (Record is null) _list!.Add(value);
            else Record.Set(Key, value);
        }
    }
}
