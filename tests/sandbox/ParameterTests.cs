using System.Globalization;
using System.Text;
using ClickHouse.Driver.Utility;

namespace ProjectionReplay.Sandbox.Tests;

public sealed class ParameterTests(RunningSandbox sandbox) : IClassFixture<RunningSandbox>
{
    public static TheoryData<string> OddValues =>
    [
        "", "a\tb", "a\nb", "a\\b", "it's", "\"quoted\"", "a\\tb", "Grüße 東京 🎉", "{x:String}", "%41+&=#;", "\r\n", "NULL", "\0zero",
        "\uFEFFmark\uFEFF",
    ];

    [Theory]
    [MemberData(nameof(OddValues))]
    public async Task The_driver_sends_any_text_and_gets_it_back(string value)
    {
        foreach (var formData in (bool[])[false, true])
        {
            using var client = sandbox.Driver(formData);
            await using var connection = client.CreateConnection();
            await using var command = connection.CreateCommand();
            command.CommandText = "SELECT {value:String}";
            command.AddParameter("value", value);
            Assert.Equal(value, await command.ExecuteScalarAsync(TestContext.Current.CancellationToken));
        }
    }

    [Fact]
    public async Task An_array_of_5000_texts_arrives_whole()
    {
        var values = Enumerable.Range(0, 5_000).Select(i => string.Create(CultureInfo.InvariantCulture, $"it's\t{i}\\é")).ToArray();
        foreach (var formData in (bool[])[false, true])
        {
            using var client = sandbox.Driver(formData);
            await using var connection = client.CreateConnection();
            await using var command = connection.CreateCommand();
            command.CommandText = "SELECT {values:Array(String)}";
            command.AddParameter("values", values);
            Assert.Equal(values, await command.ExecuteScalarAsync(TestContext.Current.CancellationToken));
        }
    }

    [Fact]
    public async Task A_parameter_of_100_kilobytes_fits_into_the_url()
    {
        var value = new string('x', 100 * 1024);
        Assert.Equal("102400", await sandbox.QueryAsync("SELECT length({value:String})", "&param_value=" + value));
    }

    [Fact]
    public async Task Parameters_reach_inserts_and_ddl()
    {
        var table = sandbox.NewTableName();
        await sandbox.QueryAsync("CREATE TABLE {table:Identifier} (a String) ENGINE = MergeTree ORDER BY a", "&param_table=" + table);
        await sandbox.QueryAsync("INSERT INTO {table:Identifier} FORMAT TSV\nx", "&param_table=" + table);
        Assert.Equal("x", await sandbox.QueryAsync("SELECT a FROM {table:Identifier}", "&param_table=" + table));
    }

    [Fact]
    public async Task A_missing_parameter_is_an_error_and_none_stays_for_the_next_query()
    {
        await sandbox.QueryAsync("SELECT {once:String}", "&param_once=1");
        var (response, text) = await sandbox.PostAsync("SELECT {once:String}");
        Assert.False(response.IsSuccessStatusCode);
        Assert.Contains("UNKNOWN_QUERY_PARAMETER", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Parameters_that_are_not_escaped_are_refused_as_by_a_server()
    {
        var (response, text) = await sandbox.PostAsync("SELECT {value:String}", "&param_value=" + Uri.EscapeDataString("a\tb"));
        Assert.False(response.IsSuccessStatusCode);
        Assert.Contains("BAD_QUERY_PARAMETER", text, StringComparison.Ordinal);
        Assert.True(Encoding.UTF8.GetByteCount(text) > 0);
    }
}
