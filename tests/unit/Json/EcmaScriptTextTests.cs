namespace ProjectionReplay.Json;

public sealed class EcmaScriptTextTests
{
    [Theory]
    [InlineData(" \t\n\v\f\r\u00a0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000\ufeffx y\ufeff ", "x y")]
    [InlineData("\u0085x\u0085", "\u0085x\u0085")]
    [InlineData("\u180ex\u200b", "\u180ex\u200b")]
    [InlineData(" \ufeff", "")]
    [InlineData("", "")]
    public void Text_is_trimmed_of_what_JavaScript_calls_white_space(string text, string expected)
    {
        Assert.Equal(expected, EcmaScriptText.Trim(text).ToString());
        Assert.Equal(expected.Length == 0, EcmaScriptText.IsBlank(text));
    }
}
