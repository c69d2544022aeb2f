using Npgsql;

namespace ProjectionReplay.Sandbox.Tests;

public sealed class PostgresTests(RunningSandbox sandbox) : IClassFixture<RunningSandbox>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private async Task<NpgsqlConnection> OpenAsync()
    {
        var url = new Uri(sandbox.Process.DatabaseUrl!);
        var user = url.UserInfo.Split(':');
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder
        {
            Host = url.Host,
            Port = url.Port,
            Username = user[0],
            Password = user[1],
            Database = url.AbsolutePath[1..],
            Pooling = false,
        }.ConnectionString);
        await connection.OpenAsync(Cancellation);
        return connection;
    }

    [Theory]
    [InlineData("TenantDailyBillableEvents", "tenantId")]
    [InlineData("TenantDailyEventStats", "tenantId")]
    [InlineData("ProjectDailyBillableEvents", "projectId")]
    [InlineData("ProjectDailySdkUsage", "projectId")]
    public async Task Counter_tables_take_rows(string table, string owner)
    {
        await using var connection = await OpenAsync();
        const string Values = "VALUES ('t:2026-01-01', 't', '2026-01-01')";
        await using var insert = new NpgsqlCommand(
            $"""INSERT INTO "{table}" (id, "{owner}", date) {Values} RETURNING count, "lastEventTimestamp", "updatedAt" """, connection);
        await using var reader = await insert.ExecuteReaderAsync(Cancellation);
        Assert.True(await reader.ReadAsync(Cancellation));
        Assert.Equal(0, reader.GetInt32(0));
        Assert.True(reader.IsDBNull(1));
        Assert.False(reader.IsDBNull(2));
    }

    [Fact]
    public async Task A_wrong_password_is_refused()
    {
        var url = new Uri(sandbox.Process.DatabaseUrl!);
        await using var connection = new NpgsqlConnection(
            $"Host={url.Host};Port={url.Port};Username=langwatch;Password=wrong;Database=langwatch;Pooling=false");
        var error = await Assert.ThrowsAsync<PostgresException>(() => connection.OpenAsync(Cancellation));
        Assert.Equal(PostgresErrorCodes.InvalidPassword, error.SqlState);
    }
}
