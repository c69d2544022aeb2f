using ProjectionReplay.Configuration;
using ProjectionReplay.Projections;
using ProjectionReplay.Reporting;

namespace ProjectionReplay.Diagnosis;

/// <summary>What a diagnosis came to.</summary>
internal sealed class DiagnosisOutcome(IReadOnlyList<ConnectionCheck> checks)
{
    public IReadOnlyList<ConnectionCheck> Checks => checks;

    /// <summary>Those that did not pass, but for what the sandbox's Redis does not tell.</summary>
    public IReadOnlyList<ConnectionCheck> Faults =>
        [
            .. checks.Where(check =>
                check.Result != "Passed"
                && check is not { Server: "Redis", Check: "Eviction" or "Permission" or "Writes", Result: "NotChecked" }),
        ];

    /// <summary>Makes the checks for projections.</summary>
    public static async Task<DiagnosisOutcome> RunAsync(
        ReplayConnections connections, string? tenantId, params IFoldProjection[] projections)
    {
        var messages = new ReplayMessages();
        var reading = Task.Run(async () =>
        {
            var checks = new List<ConnectionCheck>();
            await foreach (var message in messages.Reader.ReadAllAsync())
                checks.Add((ConnectionCheck)((ReplayFindingMessage)message).Finding);
            return checks;
        });
        try
        {
            await new ConnectionDiagnosis(connections).RunAsync(projections, tenantId, messages, TestContext.Current.CancellationToken);
        }
        finally
        {
            messages.Complete();
        }

        return new DiagnosisOutcome(await reading);
    }

    /// <summary>The one check of a name.</summary>
    public ConnectionCheck Of(string server, string check, string subject = "") =>
        Assert.Single(checks, found => found.Server == server && found.Check == check && found.Subject == subject);

    /// <summary>Checks what one came to, and that there is advice for what did not pass.</summary>
    public ConnectionCheck ShouldBe(string result, string server, string check, string subject = "")
    {
        var found = Of(server, check, subject);
        Assert.True(found.Result == result, $"{server}/{check}/{subject} should be {result}, but is: {found}");
        Assert.Equal(result == "Passed", found.Advice.Length == 0);
        return found;
    }
}
