using ProjectionReplay.Configuration;
using ProjectionReplay.Faults;
using ProjectionReplay.Projections;
using ProjectionReplay.Reporting;
using ProjectionReplay.Servers;

namespace ProjectionReplay.Comparison;

/// <summary>A comparison as a test sees it: what it told, and how it ended.</summary>
internal sealed record ComparisonOutcome(
    IReadOnlyList<ProjectionDifference> Differences,
    IReadOnlyList<string> Warnings,
    IReadOnlyList<string> Verbose,
    ReplayProgress? Progress,
    Exception? Exception)
{
    /// <summary>The differences in short: kind, key, column, and both values.</summary>
    public IEnumerable<string> Lines => Differences.Select(difference => FormattableString.Invariant(
        $"{difference.Kind} {difference.Key} {difference.Field ?? "-"} {difference.Expected ?? "null"} {difference.Actual ?? "null"}"));

    public ComparisonOutcome ShouldSucceed()
    {
        Assert.True(Exception is null, $"The comparison should have succeeded but failed: {Exception}");
        return this;
    }

    /// <summary>Checks how it failed, and returns the message.</summary>
    public string ShouldFailWith(ReplayError error)
    {
        Assert.True(
            (Exception as ReplayException)?.Error == error,
            $"The comparison should have failed with {error}, but ended with: {Exception?.ToString() ?? "success"}");
        return Exception!.Message;
    }

    /// <summary>Compares. No moment is lost waiting for live handlers where a test has none.</summary>
    public static async Task<ComparisonOutcome> RunAsync(
        TestServers servers,
        IFoldProjection projection,
        TestTenant tenant,
        Func<ComparisonRequest, ComparisonRequest>? with = null,
        ReplayConnections? connections = null,
        TimeProvider? timeProvider = null,
        CancellationToken cancellationToken = default)
    {
        var messages = new ReplayMessages();
        var reading = ReadAsync(messages);
        Exception? failure = null;
        try
        {
            var request = new ComparisonRequest { Projection = projection, TenantId = tenant.Id, Grace = TimeSpan.Zero };
            var comparison = new ProjectionComparison(connections ?? servers.Connections, timeProvider);
            await comparison.CompareAsync(with?.Invoke(request) ?? request, messages, cancellationToken);
        }
        catch (Exception exception)
        {
            failure = exception;
        }

        messages.Complete();
        var told = await reading;
        return new ComparisonOutcome(
            [.. told.OfType<ReplayFindingMessage>().Select(message => (ProjectionDifference)message.Finding)],
            [.. told.OfType<ReplayWarningMessage>().Select(message => message.Text)],
            [.. told.OfType<ReplayVerboseMessage>().Select(message => message.Text)],
            messages.Progress,
            failure);
    }

    private static async Task<List<ReplayMessage>> ReadAsync(ReplayMessages messages)
    {
        var told = new List<ReplayMessage>();
        await foreach (var message in messages.Reader.ReadAllAsync()) told.Add(message);
        return told;
    }
}
