using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace ProjectionReplay.Sandbox.Seeding;

/// <summary>Rows for event_log in the RowBinary format, and the JSON writer for their payloads.</summary>
internal sealed class EventRows : IDisposable
{
    /// <summary>The columns, in the order in which <see cref="Add"/> writes them.</summary>
    public const string Columns =
        "TenantId, IdempotencyKey, AggregateType, AggregateId, EventId, EventType, EventVersion, "
        + "EventTimestamp, EventOccurredAt, EventPayload, ProcessingTraceparent";

    private readonly ArrayBufferWriter<byte> _rows = new(1 << 20);
    private readonly ArrayBufferWriter<byte> _payload = new(8 * 1024);
    private readonly int _duplicateEvery;
    private readonly Utf8JsonWriter _json;

    public EventRows(int duplicateEvery)
    {
        _duplicateEvery = duplicateEvery;
        var options = new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };
        _json = new Utf8JsonWriter(_payload, options);
    }

    public ReadOnlyMemory<byte> Bytes => _rows.WrittenMemory;

    public long Events { get; private set; }

    public long Duplicates { get; private set; }

    /// <summary>A writer for the next event's payload; <see cref="Add"/> ends it.</summary>
    public Utf8JsonWriter Payload()
    {
        _payload.ResetWrittenCount();
        _json.Reset(_payload);
        return _json;
    }

    /// <summary>Adds a row with the payload written since <see cref="Payload"/>.</summary>
    public void Add(in SeedAggregate aggregate, string type, string version, long timestamp, long occurredAt, string ksuid)
    {
        _json.Flush();
        var start = _rows.WrittenCount;
        var eventId = string.Create(
            CultureInfo.InvariantCulture, $"{timestamp:D13}:{aggregate.TenantId}:{aggregate.Id}:{aggregate.Type}:{ksuid}");
        Write(aggregate.TenantId);
        Write(eventId);
        Write(aggregate.Type);
        Write(aggregate.Id);
        Write(eventId);
        Write(type);
        Write(version);
        Write(timestamp);
        Write(occurredAt);
        WriteLength(_payload.WrittenCount);
        _rows.Write(_payload.WrittenSpan);
        Write("");

        Events++;
        if (_duplicateEvery > 0 && Events % _duplicateEvery == 0)
        {
            var row = _rows.WrittenSpan[start..];
            row.CopyTo(_rows.GetSpan(row.Length)); // GetSpan may move the buffer; the old one lives until the copy is done.
            _rows.Advance(row.Length);
            Duplicates++;
        }
    }

    /// <summary>Forgets the rows, keeps the counts.</summary>
    public void Clear() => _rows.ResetWrittenCount();

    public void Dispose() => _json.Dispose();

    private void Write(string text)
    {
        var length = Encoding.UTF8.GetByteCount(text);
        WriteLength(length);
        Encoding.UTF8.GetBytes(text, _rows.GetSpan(length));
        _rows.Advance(length);
    }

    private void Write(long value)
    {
        System.Buffers.Binary.BinaryPrimitives.WriteInt64LittleEndian(_rows.GetSpan(sizeof(long)), value);
        _rows.Advance(sizeof(long));
    }

    private void WriteLength(int length)
    {
        var rest = (uint)length;
        var span = _rows.GetSpan(5);
        var count = 0;
        while (rest >= 0x80)
        {
            span[count++] = (byte)(rest | 0x80);
            rest >>= 7;
        }
        span[count++] = (byte)rest;
        _rows.Advance(count);
    }
}

/// <summary>Whose events are being written.</summary>
[System.Runtime.InteropServices.StructLayout(System.Runtime.InteropServices.LayoutKind.Auto)]
internal readonly record struct SeedAggregate(string TenantId, string Type, string Id);
