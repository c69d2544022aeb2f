using System.Globalization;
using System.Text;
using ProjectionReplay.Faults;

namespace ProjectionReplay.Cycle;

/// <summary>Says which aggregates' live jobs a batch waited for in vain.</summary>
internal static class DrainFailure
{
    private const int MostNamed = 10;

    public static ReplayException Create(BatchContext context, IReadOnlyList<ReadOnlyMemory<byte>> stuck, string what)
    {
        var named = string.Join(", ", stuck.Take(MostNamed).Select(aggregate => $"'{Encoding.UTF8.GetString(aggregate.Span)}'"));
        var more = stuck.Count > MostNamed ? string.Create(CultureInfo.InvariantCulture, $" and {stuck.Count - MostNamed:N0} more") : "";
        return new ReplayException(
            ReplayError.DrainTimeout,
            string.Create(
                CultureInfo.InvariantCulture,
                $"Live jobs that {what} within {context.Options.DrainTimeout.TotalSeconds:0.###} s for {stuck.Count:N0} aggregates: "
                    + $"{named}{more}. "
                    + $"Look for a stuck worker of queue {context.Definition.QueueName}, or give a longer -DrainTimeout."));
    }
}
