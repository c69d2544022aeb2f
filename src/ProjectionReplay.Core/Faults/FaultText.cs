using System.Data.Common;

namespace ProjectionReplay.Faults;

/// <summary>What an exception says, fit to be shown.</summary>
internal static class FaultText
{
    private const int Longest = 500;

    /// <summary>The innermost reason as one sentence; wrappers only say that something failed.</summary>
    public static string Describe(Exception exception)
    {
        // A database client that has no code from its server has only passed on what somebody else threw.
        var reason = exception is HttpRequestException or DbException { SqlState: null } && exception.InnerException is { } inner
            ? inner
            : exception;
        var text = SafeText.Show(reason.Message.ReplaceLineEndings(" ").Trim());
        if (text.Length > Longest) text = string.Concat(text.AsSpan(0, Longest), "...");
        return text.EndsWith('.') ? text : text + ".";
    }
}
