using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace ProjectionReplay.PowerShell.Json;

/// <summary>
/// A file that items are written to one by one, as a JSON array or as JSON Lines: UTF-8 without byte order mark, lines
/// that end in LF. Whatever happens on the way, disposing leaves valid JSON behind. Not thread-safe.
/// </summary>
internal sealed class JsonFile : IDisposable
{
    private readonly FileStream _stream;
    private readonly JsonFormat _format;
    private readonly JsonValueWriter _values;
    private readonly ArrayBufferWriter<byte> _buffer = new();
    private readonly Utf8JsonWriter _writer;
    private bool _startsAtFirstItem;
    private bool _isEmpty = true;

    private JsonFile(FileStream stream, JsonFormat format, int depth)
    {
        _stream = stream;
        _format = format;
        _values = new JsonValueWriter(depth);
        _writer = new Utf8JsonWriter(_buffer, new JsonWriterOptions
        {
            // The file is read by people and by JSON parsers, never pasted into HTML.
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            Indented = format == JsonFormat.Indented,
            NewLine = "\n",
        });
    }

    /// <summary>Creates the file, or empties the one that is there.</summary>
    /// <param name="path">The file.</param>
    /// <param name="format">How to write it.</param>
    /// <param name="depth">See <see cref="JsonValueWriter"/>.</param>
    /// <param name="isNew">Fails when the file is there already.</param>
    /// <exception cref="IOException">The file cannot be created.</exception>
    public static JsonFile Create(string path, JsonFormat format, int depth, bool isNew)
    {
        var file = new JsonFile(Open(path, isNew ? FileMode.CreateNew : FileMode.Create, FileAccess.Write), format, depth);
        if (format != JsonFormat.Lines) file._stream.WriteByte((byte)'[');
        return file;
    }

    /// <summary>Opens a file to continue it, or creates it. A file that gets no item stays as it is.</summary>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    /// <exception cref="JsonException">The file is no JSON array.</exception>
    public static JsonFile Append(string path, JsonFormat format, int depth)
    {
        var stream = Open(path, FileMode.OpenOrCreate, FileAccess.ReadWrite);
        try
        {
            var file = new JsonFile(stream, format, depth);
            if (format == JsonFormat.Lines) file.ContinueLines();
            else file.ContinueArray();
            return file;
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>Writes one item: all of it, or nothing when it throws.</summary>
    public void Write(object? item)
    {
        _buffer.ResetWrittenCount();
        _writer.Reset();

        // As the only item of an array of its own it gets the line break and the indentation that it needs in the file.
        if (_format != JsonFormat.Lines) _writer.WriteStartArray();
        _values.Write(_writer, item);
        _writer.Flush();

        if (_startsAtFirstItem)
        {
            _stream.SetLength(_stream.Position);
            _startsAtFirstItem = false;
        }

        if (_format == JsonFormat.Lines)
        {
            _stream.Write(_buffer.WrittenSpan);
            _stream.WriteByte((byte)'\n');
            return;
        }

        if (!_isEmpty) _stream.WriteByte((byte)',');
        _stream.Write(_buffer.WrittenSpan[1..]);
        _isEmpty = false;
    }

    /// <summary>Ends the array, and closes the file.</summary>
    public void Dispose()
    {
        try
        {
            if (_format != JsonFormat.Lines && !_startsAtFirstItem)
            {
                _stream.Write(_isEmpty || _format == JsonFormat.Compressed ? "]\n"u8 : "\n]\n"u8);
            }
        }
        finally
        {
            _stream.Dispose();
            _writer.Dispose();
        }
    }

    // Others may read along.
    private static FileStream Open(string path, FileMode mode, FileAccess access) =>
        new(path, mode, access, FileShare.Read, bufferSize: 64 * 1024);

    private void ContinueArray()
    {
        if (JsonArrayScan.Read(_stream) is not { } array)
        {
            _stream.SetLength(0);
            _stream.WriteByte((byte)'[');
            return;
        }

        _stream.Position = array.End;
        _isEmpty = array.IsEmpty;
        _startsAtFirstItem = true;
    }

    private void ContinueLines()
    {
        if (_stream.Length == 0) return;
        _stream.Position = _stream.Length - 1;
        var last = _stream.ReadByte();
        if (last != '\n') _stream.WriteByte((byte)'\n');
    }
}

/// <summary>How items are written.</summary>
internal enum JsonFormat
{
    /// <summary>An array for people to read.</summary>
    Indented,

    /// <summary>An array without white space.</summary>
    Compressed,

    /// <summary>JSON Lines: one line for each item.</summary>
    Lines,
}
