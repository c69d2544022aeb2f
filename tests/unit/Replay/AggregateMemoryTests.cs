using System.Text;
using ProjectionReplay.Events;
using ProjectionReplay.Folding;

namespace ProjectionReplay.Replay;

/// <summary>Memory that was used before holds nothing of it.</summary>
public sealed class AggregateMemoryTests
{
    private static readonly AggregateKeyPrefix Prefix = new("t1", "evaluation");

    [Fact]
    public void An_aggregate_starts_from_nothing_in_memory_that_another_had()
    {
        var memory = new AggregateMemory();
        var first = memory.Add(Prefix, "an-id-that-is-long"u8);
        first.Keep(new AggregateFold { LastEventId = "9"u8, Rows = 3, Events = 2, IsFresh = true }, memory.LastEventIds);
        Assert.True(first.Grow(4));
        memory.Clear();

        Assert.Empty(memory.Aggregates);
        var second = memory.Add(new AggregateKeyPrefix("t2", "trace"), "e2"u8);

        Assert.Same(first, second);
        Assert.Equal(new AggregateKey("t2", "trace", "e2"), second.ToKey());
        Assert.Equal("t2:trace:e2", Encoding.UTF8.GetString(second.KeyUtf8.Span));
        Assert.Null(second.Cutoff);
        Assert.Equal((0, 0, 0), (second.RowsFolded, second.EventsFolded, second.RowsSeen));
        Assert.False(second.IsFresh || second.HasGrown);
    }

    [Fact]
    public void Keys_and_event_ids_are_whole_whatever_their_lengths()
    {
        var memory = new AggregateMemory();
        for (var round = 0; round < 3; round++)
        {
            // Some are longer than what is laid aside at a time, and those before them fill it.
            string[] ids = [.. Enumerable.Range(0, 2_000).Select(number =>
            {
                var letter = (char)('a' + ((number + round) % 26));
                return $"{number:D6}{new string(letter, number % 700 == 0 ? 70_000 : number % 97)}";
            })];
            foreach (var id in ids)
            {
                memory.Add(Prefix, Encoding.UTF8.GetBytes(id)).Keep(
                    new AggregateFold { LastEventId = Encoding.UTF8.GetBytes($"last:{id}"), Rows = 1, Events = 1 }, memory.LastEventIds);
            }

            Assert.Equal(ids, memory.Aggregates.Select(aggregate => aggregate.ToKey().AggregateId));
            Assert.Equal(
                ids.Select(id => $"last:{id}"),
                memory.Aggregates.Select(aggregate => Encoding.UTF8.GetString(aggregate.Cutoff!.Value.Span)));
            memory.Clear();
        }
    }
}
