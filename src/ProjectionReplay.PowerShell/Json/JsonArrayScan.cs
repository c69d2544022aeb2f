using System.Text.Json;

namespace ProjectionReplay.PowerShell.Json;

/// <summary>Where an existing JSON array can be continued.</summary>
/// <param name="End">The offset behind the array's last item, or behind its opening bracket, in bytes.</param>
/// <param name="IsEmpty">Whether the array has no item yet.</param>
internal sealed record JsonArrayScan(long End, bool IsEmpty)
{
    private const int InitialBufferSize = 64 * 1024;

    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    /// <summary>
    /// Reads a stream from its start to its end, in constant memory, and sees that it holds one complete JSON array
    /// and nothing else.
    /// </summary>
    /// <returns>Where the array can be continued, or null when the stream holds nothing but white space.</returns>
    /// <exception cref="JsonException">It holds something else.</exception>
    public static JsonArrayScan? Read(Stream stream)
    {
        var state = new JsonReaderState();
        var buffer = new byte[InitialBufferSize];
        var kept = 0;
        var offset = SkipByteOrderMark(stream);
        long end = offset;
        var items = 0L;
        var any = false;

        while (true)
        {
            if (kept == buffer.Length) Array.Resize(ref buffer, buffer.Length * 2);
            var read = stream.Read(buffer, kept, buffer.Length - kept);
            var isFinal = read == 0;
            var content = buffer.AsSpan(0, kept + read);
            if (isFinal && !any && content.Trim(" \t\r\n"u8).IsEmpty) return null;

            var reader = new Utf8JsonReader(content, isFinal, state);
            while (reader.Read())
            {
                if (!any && reader.TokenType != JsonTokenType.StartArray) throw new JsonException();
                any = true;
                if (reader.CurrentDepth == 0 && reader.TokenType == JsonTokenType.EndArray) continue;
                if (reader.CurrentDepth == 1 && reader.TokenType is not (JsonTokenType.EndArray or JsonTokenType.EndObject)) items++;
                end = offset + reader.BytesConsumed;
            }

            if (isFinal) return new JsonArrayScan(end, items == 0);
            var consumed = (int)reader.BytesConsumed;
            offset += consumed;
            kept = content.Length - consumed;
            state = reader.CurrentState;
            content[consumed..].CopyTo(buffer);
        }
    }

    private static int SkipByteOrderMark(Stream stream)
    {
        Span<byte> start = stackalloc byte[3];
        var count = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        var marked = start[..count].SequenceEqual(ByteOrderMark);
        stream.Position = marked ? count : 0;
        return marked ? count : 0;
    }
}
