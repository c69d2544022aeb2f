using System.Text.Json;

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
                JsonValueKind.Null => actual is null,
                JsonValueKind.True => actual is true,
                JsonValueKind.False => actual is false,
                JsonValueKind.String => actual is string text && text == field.Value.GetString(),
                JsonValueKind.Number => actual is not null && field.Value.GetDouble().Equals(Convert.ToDouble(actual, null)),
                _ => false,
            };
            Assert.True(same, $"{because}: {field.Name} should be {field.Value} but is {actual ?? "null"}");
        }
    }
}
