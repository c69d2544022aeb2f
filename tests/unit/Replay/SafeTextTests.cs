using ProjectionReplay.Faults;

namespace ProjectionReplay.Replay;

public sealed class SafeTextTests
{
    [Theory]
    [InlineData("lw.evaluation.completed", "'lw.evaluation.completed'")]
    [InlineData("Größe 漢字 it's", "'Größe 漢字 it's'")]
    [InlineData("\u001b[31mred\u0007\n", @"'\u001b[31mred\u0007\u000a'")]
    [InlineData("a\u202Eb\u2028", @"'a\u202eb\u2028'")]
    public void Names_are_shown_without_what_steers_a_terminal(string name, string shown) => Assert.Equal(shown, SafeText.Quote(name));

    [Fact]
    public void Long_names_leave_room_for_others() => Assert.Equal(205, SafeText.Quote(new string('x', 5_000)).Length);
}
