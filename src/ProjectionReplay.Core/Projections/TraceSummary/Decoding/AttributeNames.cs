using System.Text;

namespace ProjectionReplay.Projections.TraceSummary.Decoding;

/// <summary>
/// The attribute names that are asked for: all of them are named while the projection is put together, so that the
/// decoder keeps those and passes over all others. Safe for concurrent use from then on.
/// </summary>
internal sealed class AttributeNames
{
    private readonly Dictionary<string, AttributeName> _names = new(new NameComparer());
    private readonly Dictionary<string, AttributeName>.AlternateLookup<ReadOnlySpan<byte>> _utf8Names;

    public AttributeNames()
    {
        _utf8Names = _names.GetAlternateLookup<ReadOnlySpan<byte>>();
        SpanType = Of("langwatch.span.type");
        InputMessages = Of("gen_ai.input.messages");
        OutputMessages = Of("gen_ai.output.messages");
        SystemInstruction = Of("gen_ai.request.system_instruction");
        RequestModel = Of("gen_ai.request.model");
        ResponseModel = Of("gen_ai.response.model");
        InputTokens = Of("gen_ai.usage.input_tokens");
        OutputTokens = Of("gen_ai.usage.output_tokens");
        Operation = Of("gen_ai.operation.name");
        Conversation = Of("gen_ai.conversation.id");
        User = Of("langwatch.user.id");
        Customer = Of("langwatch.customer.id");
        Labels = Of("langwatch.labels");
        Input = Of("langwatch.input");
        Output = Of("langwatch.output");
        RagContexts = Of("langwatch.rag.contexts");
    }

    public AttributeName SpanType { get; }

    public AttributeName InputMessages { get; }

    public AttributeName OutputMessages { get; }

    public AttributeName SystemInstruction { get; }

    public AttributeName RequestModel { get; }

    public AttributeName ResponseModel { get; }

    public AttributeName InputTokens { get; }

    public AttributeName OutputTokens { get; }

    public AttributeName Operation { get; }

    public AttributeName Conversation { get; }

    public AttributeName User { get; }

    public AttributeName Customer { get; }

    public AttributeName Labels { get; }

    public AttributeName Input { get; }

    public AttributeName Output { get; }

    public AttributeName RagContexts { get; }

    /// <summary>The name, which is ASCII; the same instance each time.</summary>
    public AttributeName Of(string text)
    {
        if (_names.TryGetValue(text, out var known)) return known;
        var name = new AttributeName(checked((ushort)_names.Count), text);
        _names.Add(text, name);
        return name;
    }

    /// <summary>Several names, in the order given.</summary>
    public AttributeName[] Of(params string[] texts) => Array.ConvertAll(texts, Of);

    /// <summary>The name, if anybody asks for it.</summary>
    public AttributeName? Find(ReadOnlySpan<byte> utf8) => _utf8Names.TryGetValue(utf8, out var name) ? name : null;

    /// <summary>The name, if anybody asks for it.</summary>
    public AttributeName? Find(string text) => _names.GetValueOrDefault(text);

    /// <summary>Compares names with UTF-8, so that a lookup needs no text.</summary>
    private sealed class NameComparer : IEqualityComparer<string>, IAlternateEqualityComparer<ReadOnlySpan<byte>, string>
    {
        public bool Equals(string? x, string? y) => string.Equals(x, y, StringComparison.Ordinal);

        public bool Equals(ReadOnlySpan<byte> alternate, string other) => Ascii.Equals(alternate, other);

        public int GetHashCode(string obj)
        {
            var hash = obj.Length;
            for (var i = 1; i <= 8 && i <= obj.Length; i++) hash = (hash * 31) + obj[^i];
            return (hash * 31) + (obj.Length > 0 ? obj[obj.Length / 2] : 0);
        }

        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            // Names tend to begin alike: their ends tell them apart.
            var hash = alternate.Length;
            for (var i = 1; i <= 8 && i <= alternate.Length; i++) hash = (hash * 31) + alternate[^i];
            return (hash * 31) + (alternate.Length > 0 ? alternate[alternate.Length / 2] : 0);
        }

        public string Create(ReadOnlySpan<byte> alternate) => Encoding.UTF8.GetString(alternate);
    }
}
