using ProjectionReplay.Sandbox.Demo;

namespace ProjectionReplay.Sandbox.Tests;

public sealed class ScreenTests
{
    [Theory]
    [InlineData("short", "short")]
    [InlineData("one two three four", "one two\nthree four")]
    [InlineData("  set in and long", "  set in\n  and long")]
    [InlineData("see /a/path/that/is/long or not", "see\n/a/path/that/is/long\nor not")]
    [InlineData("ten chars.\r\n\nand more of it", "ten chars.\n\nand more\nof it")]
    public void Long_lines_are_broken_between_words(string text, string expected) => Assert.Equal(expected, Screen.Wrap(text, 10));

    [Theory]
    [InlineData(
        40,
        "Name  Number  Text|----  ------  ---------------------|a          1  what there is to say|b         22  and a little more yet")]
    [InlineData(30, "Name  Number  Text|----  ------  ----------------|a          1  what there is t…|b         22  and a little mo…")]
    [InlineData(20, "Name  Number|----  ------|a          1|b         22")]
    [InlineData(3, "Na…|---|a|b")]
    public void A_table_fits_the_width(int width, string expected) => Assert.Equal(
        expected.Split('|'),
        TextTable.Lines(["Name", "Number", "Text"], [["a", "1", "what there is to say"], ["b", "22", "and a little more yet"]], width));
}
