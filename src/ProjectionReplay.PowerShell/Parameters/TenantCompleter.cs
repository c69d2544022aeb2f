using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using ProjectionReplay.Configuration;
using ProjectionReplay.Faults;
using ProjectionReplay.Runs;

namespace ProjectionReplay.PowerShell;

/// <summary>
/// Completes tenants from the event log, by what the command line, the environment or <c>.env</c> says of ClickHouse.
/// Where that does not answer at once there are no completions, and never an error.
/// </summary>
public sealed class TenantCompleter : IArgumentCompleter
{
    private const int MostShown = 100;

    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        var word = TypedWord.Parse(wordToComplete);

        // An id may hold anything, an escape sequence for the terminal too: that one has to be typed.
        return FindTenants(word.Text, fakeBoundParameters)
            .Where(id => id.Length > 0 && !id.Any(char.IsControl))
            .Select(id => new CompletionResult(word.Complete(id), id, CompletionResultType.ParameterValue, Strings.TenantTip.With(id)));
    }

    /// <summary>When a tenant's first event happened, UTC; null when that cannot be told at once.</summary>
    internal static DateTime? FindFirstEvent(string tenantId, IDictionary fakeBoundParameters)
    {
        try
        {
            var lookup = Connect(fakeBoundParameters);
            return RecentAnswers.Find($"first {lookup.Database} {tenantId}", token => lookup.FindFirstEventAsync(tenantId, token));
        }
        catch (ReplayException)
        {
            return null;
        }
    }

    private static IReadOnlyList<string> FindTenants(string start, IDictionary fakeBoundParameters)
    {
        try
        {
            var lookup = Connect(fakeBoundParameters);
            return RecentAnswers.Find(
                $"tenants {lookup.Database} {start}", token => lookup.FindTenantsAsync(start, MostShown, token)) ?? [];
        }
        catch (ReplayException)
        {
            // No URL, or one that cannot be read: the command will say so.
            return [];
        }
    }

    private static TenantLookup Connect(IDictionary fakeBoundParameters) =>
        new(new ReplayConnections(Locations.FindDirectory()) { ClickHouseUrl = fakeBoundParameters["ClickHouseUrl"] as string });
}
