namespace ProjectionReplay.Hostile;

/// <summary>Names that tenants and aggregates may bear, each with something that some layer below could take for its own.</summary>
internal static class HostileNames
{
    /// <summary>What the name puts to the test, and the name.</summary>
    public static IReadOnlyDictionary<string, string> All { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["colons"] = ":evaluation:a:b::",
        ["quotes"] = "it's \"so\" `called`",
        ["backslashes"] = @"a\nb\\c\'d\0\x41\",
        ["newlines"] = "a\nb\r\nc\rd",
        ["tabs"] = "\ta\tb\t",
        ["blanks"] = "  a  b  ",
        ["wildcards of LIKE"] = "100%_a\\_b\\%",
        ["wildcards of globs"] = "a*b?[c-e]^{f,g}",
        ["a bound parameter"] = "{tenantId:String}{x:Array(String)}@p1 $1 :p ?",
        ["a format string"] = "{0:N0} {{1}} %s %n",
        ["percent codes"] = "%20%2F%00+a&b=c#d;e",
        ["SQL"] = "'); DROP TABLE event_log; -- /*",
        ["Lua"] = "\"]); redis.call('FLUSHALL') --[[",
        ["a Redis hash tag"] = "{a}b}{",
        ["JSON"] = """{"a":[null]},""",
        ["control characters"] = "\u0001\b\f\u001B[31m\u007F\u0085\u2028",
        ["a byte order mark"] = "\uFEFFa\uFEFF",
        ["composed letters"] = "e\u0301 \u00E9 ß I\u0307",
        ["right to left"] = "\u202Eabc\u05D0\u0627",
        ["supplementary planes"] = "\U0001F600\U00020000\U0010FFFF",
        ["the end of the basic plane"] = "\uFF5E\uFFFD\uE000",
        ["the word pending"] = "pending",
        ["ten thousand letters"] = new string('x', 10_000),
        ["ten thousand bytes of three"] = string.Concat(Enumerable.Range(0, 3_333).Select(i => (char)('\u4E00' + i))),
    };

    public static TheoryData<string> Kinds { get; } = [.. All.Keys];

    /// <summary>Those that one layer or another was most likely to take for its own; or all, at night.</summary>
    public static TheoryData<string> Worst { get; } = TestExtent.Of(
        All.Keys,
        "colons",
        "backslashes",
        "a bound parameter",
        "percent codes",
        "the end of the basic plane",
        "ten thousand bytes of three");
}
