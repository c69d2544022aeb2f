namespace ProjectionReplay.ClickHouse;

/// <summary>
/// ClickHouse, or something on the way, answered with less than was asked for, and without an error. It may pass by itself.
/// </summary>
internal sealed class AnswerIncompleteException : IOException
{
    public AnswerIncompleteException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }

    /// <summary>Well formed, and short of what there is.</summary>
    /// <param name="detail">What it has, and what there is: the rest of a sentence.</param>
    public static AnswerIncompleteException EndsEarly(string detail) =>
        new($"ClickHouse's answer ends too early, and without an error: {detail}.");
}
