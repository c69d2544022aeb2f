using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Golden;

/// <summary>Writes a state through its table's columns, and reads the bytes back as ClickHouse would show the row.</summary>
internal static class StoredRow
{
    public static JsonObject Store<TState>(this LatestRowTable<TState> table, ProjectedState<TState> state)
        where TState : class
    {
        using var writer = new RowBinaryWriter();
        foreach (var column in table.Columns) column.Write(state, writer);

        using var written = new MemoryStream();
        writer.WriteToAsync(written, CancellationToken.None).GetAwaiter().GetResult();
        Assert.Equal(written.Length, writer.WrittenCount);
        ReadOnlySpan<byte> bytes = written.ToArray();
        var row = new JsonObject();
        foreach (var column in table.Columns) row.Add(column.Name, Read(ref bytes, column.Type));
        Assert.True(bytes.IsEmpty, "The row has more bytes than its columns.");
        return row;
    }

    /// <summary>Compares every column of a golden row with that stored, numbers by value.</summary>
    public static void AssertMatches(JsonElement expected, JsonObject stored, string because)
    {
        Assert.Equal(expected.EnumerateObject().Select(column => column.Name).Order(), stored.Select(column => column.Key).Order());
        foreach (var column in expected.EnumerateObject())
        {
            var value = stored[column.Name];
            var same = column.Value.ValueKind == JsonValueKind.Number && value is not null
                ? column.Value.GetDouble().Equals(value.GetValue<double>())
                : JsonNode.DeepEquals(JsonNode.Parse(column.Value.GetRawText()), value);
            Assert.True(same, $"{because}: {column.Name} should be {column.Value} but is {value?.ToJsonString() ?? "null"}");
        }
    }

    private static JsonArray ReadArray(ref ReadOnlySpan<byte> bytes)
    {
        var array = new JsonArray();
        for (var count = Take(ref bytes, 1)[0]; count > 0; count--) array.Add(ReadString(ref bytes));
        return array;
    }

    private static JsonObject ReadMap(ref ReadOnlySpan<byte> bytes)
    {
        var map = new JsonObject();
        for (var count = Take(ref bytes, 1)[0]; count > 0; count--) map.Add(ReadString(ref bytes), ReadString(ref bytes));
        return map;
    }

    private static JsonNode? Read(ref ReadOnlySpan<byte> bytes, string type)
    {
        const string Nullable = "Nullable(";
        if (type.StartsWith(Nullable, StringComparison.Ordinal))
        {
            return Take(ref bytes, 1)[0] == 1 ? null : Read(ref bytes, type[Nullable.Length..^1]);
        }

        return type switch
        {
            "Array(String)" => ReadArray(ref bytes),
            "Map(String, String)" => ReadMap(ref bytes),
            "Bool" => Take(ref bytes, 1)[0] == 1,
            "String" => ReadString(ref bytes),
            "UInt8" => (double)Take(ref bytes, 1)[0],
            "UInt32" => (double)BinaryPrimitives.ReadUInt32LittleEndian(Take(ref bytes, 4)),
            "UInt64" => (double)BinaryPrimitives.ReadUInt64LittleEndian(Take(ref bytes, 8)),
            "Int64" => (double)BinaryPrimitives.ReadInt64LittleEndian(Take(ref bytes, 8)),
            "Float64" => BinaryPrimitives.ReadDoubleLittleEndian(Take(ref bytes, 8)),
            "DateTime64(3)" => DateTimeOffset.FromUnixTimeMilliseconds(BinaryPrimitives.ReadInt64LittleEndian(Take(ref bytes, 8)))
                .ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture),
            _ => throw new NotSupportedException(type),
        };
    }

    private static string ReadString(ref ReadOnlySpan<byte> bytes)
    {
        var cursor = new RowBinaryCursor(bytes);
        Assert.True(cursor.TryReadString(out var value));
        bytes = bytes[cursor.Position..];
        return Encoding.UTF8.GetString(value);
    }

    private static ReadOnlySpan<byte> Take(ref ReadOnlySpan<byte> bytes, int count)
    {
        var taken = bytes[..count];
        bytes = bytes[count..];
        return taken;
    }
}
