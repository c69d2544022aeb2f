using CsCheck;

namespace ProjectionReplay.Model;

/// <summary>
/// Every interleaving of a replay with a live worker, on one aggregate with an event of its past and three live ones,
/// whose ids come in any order, with a crash at any step and the run after it.
/// </summary>
public sealed class ProtocolModelTests
{
    private static readonly int[][] Orders = [.. Permutations([1, 2, 3])];

    public static MatrixTheoryData<bool, bool> Kinds { get; } = new([false, true], [false, true]);

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Whatever_happens_each_event_is_folded_once(bool isCounter, bool keepsPlace)
    {
        var states = 0;
        foreach (var order in Orders)
        {
            var (failure, count) = Explore(new ProtocolModel([0, .. order], isCounter, keepsPlace), crashes: 1);
            Assert.True(failure is null, $"Ids in the order {string.Join(" ", order)}: {failure}");
            states += count;
        }

        Assert.True(states > 10_000, $"Only {states} states were reached.");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Counters_that_are_added_to_are_exact_after_a_crash_between_store_and_unmark(bool keepsPlace)
    {
        foreach (var order in Orders)
        {
            var (failure, _) = Explore(new ProtocolModel(AroundHistory(order), isCounter: true, keepsPlace) { IsPlain = true }, crashes: 2);
            Assert.True(failure is null, $"Ids in the order {string.Join(" ", order)}: {failure}");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_aggregate_that_is_born_while_counters_are_emptied_is_counted_once(bool keepsPlace)
    {
        foreach (var order in Orders)
        {
            var (failure, _) = Explore(new ProtocolModel([.. order, 0], isCounter: true, keepsPlace) { IsBornLate = true }, crashes: 1);
            Assert.True(failure is null, $"Ids in the order {string.Join(" ", order)}: {failure}");
        }
    }

    [Theory]
    [InlineData("unreleased counts", true, false, "folded 0 times")]
    [InlineData("look for new", false, true, "folded 0 times")]
    [InlineData("baseline", false, true, "folded 0 times")]
    public void A_protocol_for_counters_that_lacks_a_rule_is_found_out(string rule, bool isPlain, bool isBornLate, string what)
    {
        var failures = Orders.Select(order => Explore(
            new ProtocolModel(isBornLate ? [.. order, 0] : AroundHistory(order), isCounter: true, keepsPlace: false)
            {
                IsPlain = isPlain,
                IsBornLate = isBornLate,
                Without = rule,
            },
            crashes: 1).Failure);

        Assert.Contains(failures, failure => failure?.Contains(what, StringComparison.Ordinal) == true);
    }

    [Theory]
    [InlineData("drain", true, "folded 2 times")]
    [InlineData("catch up", false, "folded 0 times")]
    [InlineData("jobs", false, "folded 2 times")]
    [InlineData("freshness", false, "folded 2 times")]
    [InlineData("new jobs", false, "folded 2 times")]
    [InlineData("drain again", false, "folded 2 times")]
    [InlineData("grace", false, "folded 2 times")]
    [InlineData("late", false, "folded 0 times")]
    [InlineData("take back", true, "folded 0 times")]
    public void A_protocol_that_lacks_a_rule_is_found_out(string rule, bool isCounter, string what)
    {
        var failures = Orders.Select(
            order => Explore(new ProtocolModel([0, .. order], isCounter, keepsPlace: false) { Without = rule }, crashes: 0).Failure);

        Assert.Contains(failures, failure => failure?.Contains(what, StringComparison.Ordinal) == true);
    }

    [Fact]
    public void A_walk_with_more_crashes_ends_well_too() =>
        Gen.Select(Gen.Int[0, Orders.Length - 1], Gen.Bool, Gen.Bool, Gen.Int[0, 1_000_000].Array[400]).Sample(
            (order, isCounter, keepsPlace, choices) =>
            {
                var model = new ProtocolModel([0, .. Orders[order]], isCounter, keepsPlace);
                var state = model.Start(crashes: 3);
                foreach (var choice in choices)
                {
                    var next = model.Next(state).ToList();
                    if (next.Count == 0) break;
                    state = next[choice % next.Count].Next;
                }

                return model.Next(state).Any() || model.Judge(state) is null;
            },
            iter: 20_000);

    /// <summary>Visits every state that can be reached, the nearest first, and tells the shortest way to the first bad end.</summary>
    private static (string? Failure, int States) Explore(ProtocolModel model, int crashes)
    {
        var start = model.Start(crashes);
        var cameFrom = new Dictionary<ProtocolState, (ProtocolState From, string What)> { [start] = default };
        var open = new Queue<ProtocolState>([start]);
        while (open.TryDequeue(out var state))
        {
            var isEnd = true;
            foreach (var (what, next) in model.Next(state))
            {
                isEnd = false;
                if (cameFrom.TryAdd(next, (state, what))) open.Enqueue(next);
            }

            if (isEnd && model.Judge(state) is { } wrong) return ($"{wrong} after {Way(state)}", cameFrom.Count);
        }

        return (null, cameFrom.Count);

        string Way(ProtocolState state)
        {
            var steps = new List<string>();
            for (; state != start; state = cameFrom[state].From) steps.Insert(0, cameFrom[state].What);
            return string.Join(", ", steps);
        }
    }

    /// <summary>Ranks of which one is below that of the history, so that it is late.</summary>
    private static int[] AroundHistory(int[] order) => [1, .. order.Select(rank => rank == 1 ? 0 : rank)];

    private static IEnumerable<int[]> Permutations(int[] items) => items.Length <= 1
        ? [items]
        : items.SelectMany(item => Permutations([.. items.Where(other => other != item)]).Select(rest => (int[])[item, .. rest]));
}
