using System.Globalization;

namespace ProjectionReplay.PowerShell;

/// <summary>Fills in the texts of <c>Strings.resx</c>: English, whatever the session's culture.</summary>
internal static class MessageText
{
    /// <summary>Fills in a text's places.</summary>
    public static string With(this string text, params ReadOnlySpan<object?> arguments) =>
        string.Format(CultureInfo.InvariantCulture, text, arguments);
}
