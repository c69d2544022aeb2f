using ProjectionReplay.Redis;

namespace ProjectionReplay.Tests.Coordination;

/// <summary>Commands under way at once, in arrays that are used again.</summary>
public sealed class ChunkedCommandsTests
{
    private const int ChunkSize = 7;

    /// <summary>A client may look at a command's items up to the moment of its answer: they must be the same until then.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(ChunkSize - 1)]
    [InlineData(ChunkSize)]
    [InlineData(100 * ChunkSize)]
    [InlineData((100 * ChunkSize) + 1)]
    public async Task The_items_of_a_command_stay_until_it_is_answered(int count)
    {
        var items = Enumerable.Range(0, count).Select(number => $"item {number}").ToList();
        var arrays = new HashSet<string[]>(ReferenceEqualityComparer.Instance);

        var answers = await ChunkedCommands.SendAsync(items, ChunkSize, AnswerLaterAsync, TestContext.Current.CancellationToken);

        Assert.Equal(items, answers.SelectMany(answer => answer));
        if (count >= 100 * ChunkSize) Assert.InRange(arrays.Count, 1, 99);

        async Task<string[]> AnswerLaterAsync(string[] chunk)
        {
            arrays.Add(chunk);
            await Task.Yield();
            return [.. chunk];
        }
    }

    /// <summary>A command that fails may lie in a client's queue, and be sent yet.</summary>
    [Fact]
    public async Task The_array_of_a_command_that_fails_is_not_used_again()
    {
        var failed = new List<(string[] Array, string[] Items)>();
        for (var attempt = 0; attempt < 20; attempt++)
        {
            await Assert.ThrowsAsync<TimeoutException>(() => ChunkedCommands.SendAsync(
                Items(attempt), ChunkSize, Fail, TestContext.Current.CancellationToken));
        }

        Assert.NotEmpty(failed);
        Assert.All(failed, command => Assert.Equal(command.Items, command.Array));

        static IEnumerable<string> Items(int attempt) => Enumerable.Range(0, 3 * ChunkSize).Select(number => $"{attempt}: {number}");

        Task<bool> Fail(string[] chunk)
        {
            failed.Add((chunk, [.. chunk]));
            return Task.FromException<bool>(new TimeoutException());
        }
    }
}
