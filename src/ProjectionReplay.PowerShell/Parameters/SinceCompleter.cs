using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace ProjectionReplay.PowerShell;

/// <summary>
/// Completes start dates that people often mean, by the date or by the word for it; and, when a tenant was typed, the day
/// of its first event.
/// </summary>
public sealed class SinceCompleter : IArgumentCompleter
{
    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        var word = TypedWord.Parse(wordToComplete);
        return ListDates(fakeBoundParameters)
            .Where(
                date => date.Text.StartsWith(word.Text, StringComparison.Ordinal)
                    || date.Name.StartsWith(word.Text, StringComparison.OrdinalIgnoreCase))
            .GroupBy(date => date.Text, StringComparer.Ordinal)
            .Select(day => new CompletionResult(
                word.IsQuoted ? word.Complete(day.Key) : day.Key,
                $"{day.Key} {string.Join(", ", day.Select(date => date.Name))}",
                CompletionResultType.ParameterValue,
                string.Join("; ", day.Select(date => date.Tip))));
    }

    private static IEnumerable<SinceDate> ListDates(IDictionary fakeBoundParameters)
    {
        var today = DateTime.UtcNow.Date;
        yield return SinceDate.Of(today, Strings.SinceToday);
        yield return SinceDate.Of(today.AddDays(-1), Strings.SinceYesterday);
        yield return SinceDate.Of(today.AddDays(-7), Strings.SinceWeek);
        yield return SinceDate.Of(today.AddDays(1 - today.Day), Strings.SinceMonth);
        yield return SinceDate.Of(today.AddDays(1 - today.DayOfYear), Strings.SinceYear);

        // The server is asked last, when somebody looks that far.
        var tenants = LanguagePrimitives.ConvertTo(
            fakeBoundParameters["TenantId"], typeof(string[]), CultureInfo.InvariantCulture) as string[] ?? [];
        if (tenants is not [{ Length: > 0 } tenantId]) yield break;
        if (TenantCompleter.FindFirstEvent(tenantId, fakeBoundParameters) is { } first)
        {
            yield return new(
                Iso(first),
                Strings.SinceFirstEvent,
                Strings.SinceFirstEventTip.With(tenantId, first.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)));
        }
    }

    private static string Iso(DateTime date) => date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private sealed record SinceDate(string Text, string Name, string Tip)
    {
        public static SinceDate Of(DateTime date, string name) => new(Iso(date), name, Strings.SinceTip.With(name, Iso(date)));
    }
}
