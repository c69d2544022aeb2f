using System.Globalization;

namespace ProjectionReplay.Projections.TraceSummary.Decoding;

/// <summary>Where in a payload something stands, for messages: <c>span.attributes[3].value</c>.</summary>
internal sealed class JsonPath
{
    private readonly JsonPath? _parent;
    private readonly string _step;

    private JsonPath(JsonPath? parent, string step)
    {
        _parent = parent;
        _step = step;
    }

    /// <summary>A path that starts at the payload.</summary>
    public static JsonPath Of(string path) => new(null, path);

    /// <summary>A member of the object here.</summary>
    public JsonPath Member(string name) => new(this, "." + name);

    /// <summary>An element of the list here.</summary>
    public JsonPath Element(int index) => new(this, string.Create(CultureInfo.InvariantCulture, $"[{index}]"));

    /// <summary>The fault of what stands here.</summary>
    /// <param name="problem">The end of a sentence: "must be an object but is null".</param>
    public MalformedSpanException Fault(string problem) => new(ToString(), problem);

    public override string ToString()
    {
        var steps = new Stack<string>();
        for (var path = this; path is not null; path = path._parent) steps.Push(path._step);
        return string.Concat(steps);
    }
}

/// <summary>A span that the live system could not fold either. The message never holds the payload itself.</summary>
internal sealed class MalformedSpanException(string path, string problem)
    : Exception($"'{path}' {problem}.")
{
    /// <summary>Where in the payload the fault is.</summary>
    public string Path => path;

    /// <summary>What is wrong there, as the end of a sentence.</summary>
    public string Problem => problem;

    /// <summary>The same fault, in an element of a list.</summary>
    public MalformedSpanException Inside(JsonPath list, int index) =>
        new((path.Length == 0 ? list.Element(index) : list.Element(index).Member(path)).ToString(), problem);
}
