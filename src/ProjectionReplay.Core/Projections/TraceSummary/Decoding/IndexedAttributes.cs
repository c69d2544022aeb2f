using System.Globalization;
using ProjectionReplay.Json;

namespace ProjectionReplay.Projections.TraceSummary.Decoding;

/// <summary>
/// Attributes such as <c>gen_ai.prompt.0.role</c>, which were a list before they were flattened, put together again: as
/// the JSON text of that list, under <c>gen_ai.prompt</c>.
/// </summary>
internal static class IndexedAttributes
{
    /// <summary>Whether a key has an index in its midst.</summary>
    /// <remarks>A first look: almost no key has a digit behind a dot.</remarks>
    public static bool MayBeIndexed(ReadOnlySpan<byte> key)
    {
        while (key.IndexOf((byte)'.') is >= 0 and var dot)
        {
            key = key[(dot + 1)..];
            if (!key.IsEmpty && char.IsAsciiDigit((char)key[0])) return true;
        }

        return false;
    }

    /// <summary>Puts indexed attributes together. What cannot be put together stays, under its own keys.</summary>
    /// <exception cref="MalformedSpanException">A member is both a value and a record.</exception>
    public static EcmaScriptRecord Rebuild(EcmaScriptRecord attributes, JsonPath path)
    {
        var result = new EcmaScriptRecord();
        foreach (var (prefix, list) in Gather(attributes, path, result))
        {
            result.Set(prefix, EcmaScriptValue.From(EcmaScriptJson.Stringify(list)));
        }

        return result;
    }

    /// <summary>Puts indexed attributes together, for whoever wants the lists and not their text.</summary>
    /// <param name="attributes">The attributes.</param>
    /// <param name="path">Where they stand.</param>
    /// <param name="others">Given all that is no part of a list.</param>
    /// <returns>The lists, by prefix.</returns>
    /// <exception cref="MalformedSpanException">A member is both a value and a record.</exception>
    public static List<(string Prefix, EcmaScriptValue List)> Gather(EcmaScriptRecord attributes, JsonPath path, EcmaScriptRecord others)
    {
        OrderedDictionary<string, Group>? groups = null;
        for (var rank = 0; rank < attributes.Count; rank++)
        {
            var (key, value) = attributes[rank];
            if (!TrySplit(key, out var prefix, out var index, out var remainder))
            {
                others.Set(key, value);
                continue;
            }

            groups ??= new(StringComparer.Ordinal);
            if (!groups.TryGetValue(prefix, out var group)) groups.Add(prefix, group = new Group());
            group.Add(index, remainder, value);
        }

        if (groups is null) return [];
        var lists = new List<(string, EcmaScriptValue)>(groups.Count);
        foreach (var (prefix, group) in groups)
        {
            if (group.IsWhole) lists.Add((prefix, group.ToList(prefix, path)));
            else group.CopyTo(prefix, others);
        }

        return lists;
    }

    /// <summary>Splits a key at its first index: the first digits between two dots with something on either side.</summary>
    private static bool TrySplit(string key, out string prefix, out double index, out string remainder)
    {
        (prefix, index, remainder) = ("", 0, "");
        if (key.AsSpan().ContainsAny("\n\r\u2028\u2029")) return false;
        for (var dot = key.IndexOf('.', Math.Min(1, key.Length)); dot >= 0; dot = key.IndexOf('.', dot + 1))
        {
            var end = dot + 1;
            while (end < key.Length && char.IsAsciiDigit(key[end])) end++;
            if (end == dot + 1 || end + 1 >= key.Length || key[end] != '.') continue;
            prefix = key[..dot];
            index = double.Parse(key.AsSpan(dot + 1, end - dot - 1), NumberStyles.None, CultureInfo.InvariantCulture);
            remainder = key[(end + 1)..];
            return true;
        }

        return false;
    }

    /// <summary>The attributes that share a prefix, by index.</summary>
    private sealed class Group
    {
        private readonly OrderedDictionary<double, OrderedDictionary<string, EcmaScriptValue>> _elements = [];

        /// <summary>Whether the indices are 0, 1, 2 and so on, and every element has the same members.</summary>
        public bool IsWhole =>
            _elements.Keys.Order().Select((index, position) => index == position).All(isNext => isNext)
            && _elements.Values.All(
                members => new HashSet<string>(members.Keys, StringComparer.Ordinal).SetEquals(_elements.GetAt(0).Value.Keys));

        public void Add(double index, string remainder, EcmaScriptValue value)
        {
            if (!_elements.TryGetValue(index, out var members))
            {
                members = new OrderedDictionary<string, EcmaScriptValue>(StringComparer.Ordinal);
                _elements.Add(index, members);
            }

            members[remainder] = value;
        }

        public EcmaScriptValue ToList(string prefix, JsonPath path)
        {
            var list = new List<EcmaScriptValue>();
            foreach (var (_, members) in _elements.OrderBy(element => element.Key))
            {
                var record = new EcmaScriptRecord();
                foreach (var (remainder, value) in members)
                {
                    if (!TryPlace(record, remainder.Split('.'), value))
                    {
                        throw path.Fault(
                            $"has an attribute under '{prefix}.{list.Count.ToString(CultureInfo.InvariantCulture)}' "
                                + "that is both a value and an object");
                    }
                }

                list.Add(EcmaScriptValue.From(record));
            }

            return EcmaScriptValue.From(list);
        }

        public void CopyTo(string prefix, EcmaScriptRecord attributes)
        {
            foreach (var (index, members) in _elements)
            {
                foreach (var (remainder, value) in members) attributes.Set($"{prefix}.{EcmaScriptNumber.ToText(index)}.{remainder}", value);
            }
        }

        /// <summary>Sets a member of records inside records. False when a value stands where a record should be.</summary>
        private static bool TryPlace(EcmaScriptRecord record, string[] steps, EcmaScriptValue value)
        {
            foreach (var step in steps.AsSpan(..^1))
            {
                if (!record.TryGet(step, out var inner))
                {
                    inner = EcmaScriptValue.From(new EcmaScriptRecord());
                    record.Set(step, inner);
                }

                // A list takes members in JavaScript, but JSON text has no place for them.
                if (inner.Kind == EcmaScriptKind.List) return true;
                if (inner.Kind != EcmaScriptKind.Record) return false;
                record = inner.Record;
            }

            record.Set(steps[^1], value);
            return true;
        }
    }
}
