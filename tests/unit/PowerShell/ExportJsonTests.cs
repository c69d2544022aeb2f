using System.Text.Json;

namespace ProjectionReplay.Cmdlets;

/// <summary>Export-Json: the file, and what becomes of it when things go wrong.</summary>
public sealed class ExportJsonTests : IDisposable
{
    private readonly PowerShellSession _session = new();

    [Fact]
    public void Pipeline_becomes_an_indented_array_in_the_PowerShell_location()
    {
        _session.Run("[pscustomobject]@{ a = 1; b = 'grün' }, 2 | Export-Json run.json").ShouldSucceed();

        Assert.Equal("[\n  {\n    \"a\": 1,\n    \"b\": \"grün\"\n  },\n  2\n]\n", Text("run.json"));
        Assert.Equal((byte)'[', File.ReadAllBytes(_session.PathOf("run.json"))[0]);
    }

    [Fact]
    public void Compressed_array_has_no_white_space()
    {
        _session.Run("@{ a = @(1, 2) }, 'x' | Export-Json run.json -Compress").ShouldSucceed();

        Assert.Equal("[{\"a\":[1,2]},\"x\"]\n", Text("run.json"));
    }

    [Theory]
    [InlineData("run.jsonl", "")]
    [InlineData("run.ndjson", "")]
    [InlineData("run.txt", "-JsonLines")]
    public void Json_Lines_have_one_line_for_each_item(string file, string parameters)
    {
        _session.Run($"@{{ a = @(1, 2) }}, 'x', $null | Export-Json {file} {parameters}").ShouldSucceed();

        Assert.Equal("{\"a\":[1,2]}\n\"x\"\nnull\n", Text(file));
    }

    [Theory]
    [InlineData("run.json", "[]\n")]
    [InlineData("run.jsonl", "")]
    public void Empty_pipeline_leaves_an_empty_but_valid_file(string file, string expected)
    {
        _session.Run($"@() | Export-Json {file}; Export-Json other-{file}").ShouldSucceed();

        Assert.Equal((expected, expected), (Text(file), Text("other-" + file)));
    }

    [Theory]
    [InlineData("$true", "true")]
    [InlineData("[uint64]::MaxValue", "18446744073709551615")]
    [InlineData("[bigint]::Parse('123456789012345678901234567890')", "123456789012345678901234567890")]
    [InlineData("1.10d", "1.10")]
    [InlineData("0.1", "0.1")]
    [InlineData("[double]::NaN", "\"NaN\"")]
    [InlineData("[double]::NegativeInfinity", "\"-Infinity\"")]
    [InlineData("[single]0.1", "0.1")]
    [InlineData("[char]'x'", "\"x\"")]
    [InlineData("[datetime]::new(2026, 1, 2, 3, 4, 5, [DateTimeKind]::Utc)", "\"2026-01-02T03:04:05Z\"")]
    [InlineData("[datetime]::new(2026, 1, 2)", "\"2026-01-02T00:00:00\"")]
    [InlineData("[DateTimeOffset]'2026-01-02T03:04:05+02:00'", "\"2026-01-02T03:04:05+02:00\"")]
    [InlineData("[DateOnly]::new(2026, 1, 2)", "\"2026-01-02\"")]
    [InlineData("[timespan]'1.02:03:04'", "\"1.02:03:04\"")]
    [InlineData("[guid]'6f9619ff-8b86-d011-b42d-00c04fc964ff'", "\"6f9619ff-8b86-d011-b42d-00c04fc964ff\"")]
    [InlineData("[uri]'https://example.com/a b'", "\"https://example.com/a b\"")]
    [InlineData("[version]'1.2.3'", "\"1.2.3\"")]
    [InlineData("[DayOfWeek]::Friday", "\"Friday\"")]
    [InlineData("[switch]$true", "true")]
    [InlineData("[DBNull]::Value", "null")]
    [InlineData("{ Get-Date }", "\" Get-Date \"")]
    [InlineData("[int]", "\"System.Int32\"")]
    [InlineData("[pscustomobject]@{}", "{}")]
    [InlineData("([ordered]@{ 1 = 'a'; b = @() })", "{\"1\":\"a\",\"b\":[]}")]
    [InlineData("'<a href=\"x\">é & ü</a>'", "\"<a href=\\\"x\\\">é & ü</a>\"")]
    [InlineData("'lone surrogate ' + [char]0xD800", "\"lone surrogate \\uFFFD\"")]
    [InlineData("([System.Text.Json.Nodes.JsonNode]::Parse('{\"a\":[1]}'))", "{\"a\":[1]}")]
    public void Values_are_written_as_JSON_has_them(string value, string expected)
    {
        _session.Run($"$value = {value}; , $value | Export-Json v.jsonl").ShouldSucceed();

        Assert.Equal(expected + "\n", Text("v.jsonl"));
    }

    [Fact]
    public void Bytes_are_base64_and_lists_are_arrays()
    {
        _session.Run("Export-Json v.jsonl -InputObject @{ b = [byte[]](1, 2, 3); l = [System.Collections.Generic.List[int]](1, 2) }")
            .ShouldSucceed();

        using var json = JsonDocument.Parse(Text("v.jsonl"));
        Assert.Equal("AQID", json.RootElement.GetProperty("b").GetString());
        Assert.Equal("[1,2]", json.RootElement.GetProperty("l").GetRawText());
    }

    [Fact]
    public void Property_that_throws_is_null_and_the_others_are_written()
    {
        _session.Run("""
            $item = [pscustomobject]@{ a = 1; z = 2 }
            $item.PSObject.Properties.Add([psscriptproperty]::new('bad', { throw 'no' }))
            $item.PSObject.Properties.Add([psscriptproperty]::new('good', { $this.a + 1 }))
            $item.PSObject.Methods.Add([psscriptmethod]::new('method', { }))
            $item | Export-Json v.jsonl
            """).ShouldSucceed();

        Assert.Equal("{\"a\":1,\"z\":2,\"bad\":null,\"good\":2}\n", Text("v.jsonl"));
    }

    [Fact]
    public void Text_that_carries_notes_is_still_text()
    {
        _session.Run(
            "$text = [psobject]::AsPSObject('line'); $text.PSObject.Properties.Add([psnoteproperty]::new('PSPath', 'x')); "
                + "$text | Export-Json v.jsonl")
            .ShouldSucceed();

        Assert.Equal("\"line\"\n", Text("v.jsonl"));
    }

    [Fact]
    public void Below_the_depth_objects_become_text_which_ends_circles()
    {
        _session.Run("""
            $circle = [pscustomobject]@{ name = 'c'; self = $null }
            $circle.self = $circle
            $list = [System.Collections.ArrayList]::new(); [void] $list.Add($list)
            $hash = @{}; $hash.self = $hash
            $circle, @{ l = $list }, $hash | Export-Json v.jsonl -Depth 2
            @{ a = @{ b = @{ c = 1 } } } | Export-Json d.jsonl -Depth 1
            """).ShouldSucceed();

        Assert.All(Text("v.jsonl").Split('\n', StringSplitOptions.RemoveEmptyEntries), line => JsonDocument.Parse(line).Dispose());
        Assert.Equal("{\"a\":{\"b\":\"System.Collections.Hashtable\"}}\n", Text("d.jsonl"));
    }

    [Fact]
    public void Error_records_are_written_for_a_reader()
    {
        _session.Run("try { Get-ReplayProjection nope -ErrorAction Stop } catch { $_ | Export-Json v.jsonl }").ShouldSucceed();

        using var json = JsonDocument.Parse(Text("v.jsonl"));
        Assert.Contains("nope", json.RootElement.GetProperty("Message").GetString(), StringComparison.Ordinal);
        Assert.Equal("ObjectNotFound", json.RootElement.GetProperty("Category").GetString());
        Assert.StartsWith(
            "ProjectionNotFound,", json.RootElement.GetProperty("FullyQualifiedErrorId").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1, 2 | ForEach-Object { $_; if ($_ -eq 2) { throw 'upstream' } }")]
    [InlineData("1, 2, 3 | ForEach-Object { if ($_ -eq 3) { Get-ReplayProjection -Path /nowhere.dll -ErrorAction Stop }; $_ }")]
    public void Failing_pipeline_leaves_the_items_that_came_and_valid_json(string upstream)
    {
        var outcome = _session.Run($"{upstream} | Export-Json run.json -Compress");

        Assert.NotNull(outcome.Terminating);
        Assert.Equal("[1,2]\n", Text("run.json"));
    }

    [Fact]
    public void Pipeline_left_by_break_leaves_valid_json()
    {
        _session.Run(
            "foreach ($once in 1) { 1..1000 | Export-Json run.json -Compress -PassThru | ForEach-Object { if ($_ -eq 3) { break } } }")
            .ShouldSucceed();

        Assert.Equal("[1,2,3]\n", Text("run.json"));
    }

    [Fact]
    public async Task Stopped_pipeline_leaves_valid_json()
    {
        await _session.RunAndStopAsync(
            "1..2147483647 | Export-Json run.json -PassThru", output => output.Count > 10);

        using var json = JsonDocument.Parse(Text("run.json"));
        Assert.True(json.RootElement.GetArrayLength() > 10);
    }

    [Theory]
    [InlineData("[]", "[\n  3\n]\n")]
    [InlineData("  \n", "[\n  3\n]\n")]
    [InlineData("", "[\n  3\n]\n")]
    [InlineData("[1, [2]]\n\n", "[1, [2],\n  3\n]\n")]
    [InlineData("\uFEFF[\"]\"]", "\uFEFF[\"]\",\n  3\n]\n")]
    public void Append_continues_an_array(string before, string after)
    {
        File.WriteAllText(_session.PathOf("run.json"), before);

        _session.Run("3 | Export-Json run.json -Append").ShouldSucceed();

        Assert.Equal(after, Text("run.json"));
    }

    [Fact]
    public void Append_creates_a_file_and_continues_what_it_wrote()
    {
        _session.Run("1 | Export-Json run.json -Append; @() | Export-Json run.json -Append; 2, 3 | Export-Json run.json -Append")
            .ShouldSucceed();

        Assert.Equal("[\n  1,\n  2,\n  3\n]\n", Text("run.json"));
    }

    [Fact]
    public void Append_continues_an_array_of_any_size()
    {
        var items = Enumerable.Range(0, 20_000).Select(number => $"{{\"n\":{number},\"t\":\"{new string('x', number % 97)}\"}}");
        var big = $"[{string.Join(',', items)},\"{new string('y', 300_000)}\"]";
        File.WriteAllText(_session.PathOf("run.json"), big);

        _session.Run("'last' | Export-Json run.json -Append -Compress").ShouldSucceed();

        Assert.Equal(big[..^1] + ",\"last\"]\n", Text("run.json"));
    }

    [Theory]
    [InlineData("{\"a\":1}")]
    [InlineData("[1] [2]")]
    [InlineData("[1, 2")]
    [InlineData("[ {\"a\": \"x]")]
    [InlineData("hello")]
    [InlineData("1\n2\n")]
    public void Append_leaves_a_file_alone_that_is_no_array(string before)
    {
        File.WriteAllText(_session.PathOf("run.json"), before);

        _session.Run("3 | Export-Json run.json -Append").ShouldFailWith("NotAJsonArray");

        Assert.Equal(before, Text("run.json"));
    }

    [Theory]
    [InlineData("1", "1\n2\n")]
    [InlineData("1\n", "1\n2\n")]
    [InlineData("", "2\n")]
    public void Append_to_Json_Lines_begins_a_line(string before, string after)
    {
        File.WriteAllText(_session.PathOf("run.jsonl"), before);

        _session.Run("2 | Export-Json run.jsonl -Append").ShouldSucceed();

        Assert.Equal(after, Text("run.jsonl"));
    }

    [Fact]
    public void NoClobber_stops_before_the_pipeline_starts()
    {
        File.WriteAllText(_session.PathOf("run.json"), "mine");

        var outcome = _session.Run("""
            $started = $false
            try { & { begin { } process { } end { $script:started = $true; 1 } } | Export-Json run.json -NoClobber }
            finally { "started: $started" }
            """);

        outcome.ShouldFailWith("FileExists");
        Assert.Equal("started: False", Assert.Single(outcome.Output).BaseObject);
        Assert.Equal("mine", Text("run.json"));
    }

    [Theory]
    [InlineData("missing/run.json", "DirectoryNotFound")]
    [InlineData(".", "PathIsDirectory")]
    [InlineData("Variable:run", "PathNotFileSystem")]
    public void Path_that_cannot_be_written_is_refused(string path, string errorId) =>
        _session.Run($"1 | Export-Json {path}").ShouldFailWith(errorId);

    [Fact]
    public void Read_only_file_is_written_with_force_only()
    {
        File.WriteAllText(_session.PathOf("run.json"), "mine");
        File.SetAttributes(_session.PathOf("run.json"), FileAttributes.ReadOnly);

        // Who may do everything may write to a read-only file too, on Unix.
        if (!Environment.IsPrivilegedProcess) _session.Run("1 | Export-Json run.json").ShouldFailWith("OpenFailed");
        _session.Run("1 | Export-Json run.json -Force").ShouldSucceed();

        Assert.Equal("[\n  1\n]\n", Text("run.json"));
    }

    [Fact]
    public void Brackets_and_stars_in_a_name_mean_themselves()
    {
        _session.Run("1 | Export-Json 'run[1].json'").ShouldSucceed();

        Assert.Equal("[\n  1\n]\n", Text("run[1].json"));
    }

    [Fact]
    public void WhatIf_writes_nothing_and_PassThru_still_hands_on()
    {
        var outcome = _session.Run("1, 2 | Export-Json run.json -PassThru -WhatIf").ShouldSucceed();

        Assert.Equal([1, 2], outcome.Output.Select(item => item.BaseObject));
        Assert.False(File.Exists(_session.PathOf("run.json")));
    }

    [Fact]
    public void Item_that_cannot_be_written_is_told_and_left_out()
    {
        var outcome = _session.Run(
            "$bad = [System.Linq.Enumerable]::Select([int[]](1, 2), [Func[int, object]] { throw 'no' }); "
                + "1, @{ b = $bad }, 3 | Export-Json run.json -Compress");

        Assert.Equal("ItemNotWritable", Assert.Single(outcome.Errors).FullyQualifiedErrorId.Split(',')[0]);
        Assert.Equal("[1,3]\n", Text("run.json"));
    }

    public void Dispose() => _session.Dispose();

    private string Text(string file) => System.Text.Encoding.UTF8.GetString(File.ReadAllBytes(_session.PathOf(file)));
}
