using System.Text.Json;
using ProjectionReplay.Json;

namespace ProjectionReplay.Golden;

/// <summary>Compares a state with a golden one, field by field, by the golden field's name.</summary>
internal static class StateAssert
{
    public static void Matches(JsonElement expected, object state, string because, params string[] except)
    {
        foreach (var field in expected.EnumerateObject().Where(field => !except.Contains(field.Name)))
        {
            var property = state.GetType().GetProperties()
                .Single(property => string.Equals(property.Name, field.Name, StringComparison.OrdinalIgnoreCase)
                    || (property.Name == "TenantId" && field.Name == "projectId"));
            var actual = property.GetValue(state);
            var same = field.Value.ValueKind switch
            {
                // JSON has no word for a number that is not finite.
                JsonValueKind.Null when actual is double number => !double.IsFinite(number),
                JsonValueKind.Array => actual is IEnumerable<string> texts
                    && texts.SequenceEqual(field.Value.EnumerateArray().Select(Text)),
                JsonValueKind.Object => actual is IEnumerable<KeyValuePair<string, string>> pairs
                    && pairs.Select(pair => (pair.Key, pair.Value)).SequenceEqual(
                        field.Value.EnumerateObject().Select(member => (member.Name, Text(member.Value)))),
                JsonValueKind.Null => actual is null,
                JsonValueKind.True => actual is true,
                JsonValueKind.False => actual is false,
                JsonValueKind.String => actual is string text && text == Text(field.Value),
                JsonValueKind.Number => actual is not null && field.Value.GetDouble().Equals(Convert.ToDouble(actual, null)),
                _ => false,
            };
            Assert.True(same, $"{because}: {field.Name} should be {field.Value.GetRawText()} but is {Show(actual)}");
        }
    }

    /// <summary>Text may hold lone surrogates, which System.Text.Json does not read.</summary>
    private static string Text(JsonElement text) => EcmaScriptJson.Parse(text.GetRawText()).Text;

    private static string Show(object? value) => value switch
    {
        null => "null",
        string text => text,
        IEnumerable<string> or IEnumerable<KeyValuePair<string, string>> => JsonSerializer.Serialize(value),
        _ => $"{value}",
    };
}
