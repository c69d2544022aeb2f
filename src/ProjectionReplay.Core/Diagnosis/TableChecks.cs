using ProjectionReplay.Folding;
using ProjectionReplay.Projections;
using ProjectionReplay.Stores;
using ProjectionReplay.Tables;

namespace ProjectionReplay.Diagnosis;

/// <summary>Looks at the tables that projections are stored in, by the rule that a replay goes by.</summary>
internal static class TableChecks
{
    /// <summary>Tells what was found out about a table.</summary>
    public static void Add(CheckReport report, TableInspection inspection, string subject)
    {
        foreach (var finding in inspection.Findings)
        {
            var result = finding.Verdict switch
            {
                TableVerdict.Good => CheckResult.Passed,
                TableVerdict.Doubtful => CheckResult.Warning,
                _ => CheckResult.Failed,
            };
            report.Add(finding.Check, subject, result, finding.Detail, finding.Advice);
        }
    }

    /// <summary>Looks at the tables of all projections that are stored in one kind of server, each table once.</summary>
    /// <returns>The tables that are there, with the columns that are written to.</returns>
    public static async Task<IReadOnlyList<TableInspection>> RunAsync(
        CheckReport report,
        IEnumerable<IFoldProjection> projections,
        ProjectionStoreKind kind,
        StoreConnections connections,
        string advice,
        CancellationToken cancellationToken)
    {
        var present = new List<TableInspection>();
        var stored = projections.Where(projection => projection.Definition.Store == kind);
        foreach (var projection in stored.DistinctBy(projection => projection.Definition.Table, StringComparer.Ordinal))
        {
            var table = projection.Definition.Table;
            await report.TryAsync(
                "Table",
                table,
                async token =>
                {
                    var inspection = await projection.Accept(new RunOpener(connections)).InspectAsync(token).ConfigureAwait(false);
                    Add(report, inspection, table);
                    var isThere = inspection.Findings.All(
                        finding => finding.Verdict != TableVerdict.Unusable || finding.Check is not ("Table" or "Columns"));
                    if (isThere) present.Add(inspection with { Table = table });
                },
                advice,
                cancellationToken).ConfigureAwait(false);
        }

        return present;
    }
}
