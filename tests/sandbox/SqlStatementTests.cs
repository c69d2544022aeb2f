using System.Text;
using ProjectionReplay.Sandbox.ClickHouse.Sql;

namespace ProjectionReplay.Sandbox.Tests;

public sealed class SqlStatementTests
{
    private static SqlStatement Parse(string sql) => SqlStatement.Parse(Encoding.UTF8.GetBytes(sql));

    [Theory]
    [InlineData("SELECT 1", null)]
    [InlineData("SELECT 1 FORMAT JSON", "JSON")]
    [InlineData("select 1 format CSV;", "CSV")]
    [InlineData("SELECT 1 FORMAT CSV SETTINGS max_threads = 1", "CSV")]
    [InlineData("SELECT format FROM t", null)]
    [InlineData("SELECT 'a FORMAT JSON'", null)]
    [InlineData("SELECT 1 -- FORMAT JSON", null)]
    [InlineData("SELECT x FROM (SELECT 1 AS x) /* FORMAT A */ FORMAT B", "B")]
    [InlineData("WITH 1 AS x SELECT x FORMAT TSV", "TSV")]
    [InlineData("((SELECT 1) UNION ALL (SELECT 2)) FORMAT TSV", "TSV")]
    public void Selects_and_their_format_are_found(string sql, string? format) =>
        Assert.Equal(new SqlStatement(SqlStatementKind.Select, format), Parse(sql));

    [Theory]
    [InlineData("SHOW TABLES")]
    [InlineData("INSERT INTO t SELECT 1")]
    [InlineData("INSERT INTO t (a) SELECT x FROM u FORMAT Null")]
    [InlineData("CREATE TABLE t (format String) ENGINE = Memory")]
    [InlineData("SELECT 1 INTO OUTFILE 'x'")]
    [InlineData("")]
    public void Other_statements_are_run_at_once(string sql) => Assert.Equal(SqlStatementKind.Other, Parse(sql).Kind);

    [Theory]
    [InlineData("INSERT INTO t FORMAT CSV\n1,2", "CSV", "INSERT INTO t ", "1,2")]
    [InlineData("INSERT INTO t FORMAT CSV \r\n\n1", "CSV", "INSERT INTO t ", "\n1")]
    [InlineData("insert into t (a, `values`) values (1, 2)", "Values", "insert into t (a, `values`) ", " (1, 2)")]
    [InlineData(
        "INSERT INTO t (\"FORMAT\") SETTINGS a = 1 FORMAT RowBinary", "RowBinary", "INSERT INTO t (\"FORMAT\") SETTINGS a = 1 ", "")]
    [InlineData("INSERT INTO `it''s \\` FORMAT` FORMAT TSV 1", "TSV", "INSERT INTO `it''s \\` FORMAT` ", "1")]
    public void Insert_data_begins_after_the_format(string sql, string format, string statement, string data)
    {
        var parsed = Parse(sql);
        Assert.Equal(SqlStatementKind.InsertData, parsed.Kind);
        Assert.Equal(format, parsed.Format);
        Assert.Equal(statement, sql[..parsed.Length]);
        Assert.Equal(data, sql[parsed.DataStart..]);
    }

    [Fact]
    public void Input_is_found_with_its_bracket()
    {
        const string Sql = "INSERT INTO t SELECT a FROM input('a String') FORMAT TSV\nx";
        var parsed = Parse(Sql);
        Assert.Equal(SqlStatementKind.InsertFromInput, parsed.Kind);
        Assert.Equal("input(", Sql[parsed.InputStart..parsed.InputEnd]);
        Assert.Equal("x", Sql[parsed.DataStart..]);
    }
}
