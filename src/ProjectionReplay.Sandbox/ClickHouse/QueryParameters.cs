using System.Runtime.InteropServices;
using System.Text;

namespace ProjectionReplay.Sandbox.ClickHouse;

/// <summary>Named values for the <c>{name:Type}</c> placeholders of one statement, in ClickHouse's escaped text form.</summary>
internal sealed class QueryParameters
{
    public List<KeyValuePair<string, string>> Items { get; } = [];

    public void Add(string name, string value) => Items.Add(new(name, value));
}

/// <summary>The same parameters as the four parallel arrays that the C functions take.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly unsafe ref struct NativeParameters
{
    private readonly int _count;

    public NativeParameters(QueryParameters? parameters)
    {
        _count = parameters?.Items.Count ?? 0;
        if (_count == 0)
            return;

        Names = (byte**)NativeMemory.Alloc((nuint)_count, (nuint)sizeof(byte*));
        Values = (byte**)NativeMemory.Alloc((nuint)_count, (nuint)sizeof(byte*));
        NameLengths = (nuint*)NativeMemory.Alloc((nuint)_count, (nuint)sizeof(nuint));
        ValueLengths = (nuint*)NativeMemory.Alloc((nuint)_count, (nuint)sizeof(nuint));
        for (var i = 0; i < _count; i++)
        {
            var (name, value) = parameters!.Items[i];
            Names[i] = Copy(name, out NameLengths[i]);
            Values[i] = Copy(value, out ValueLengths[i]);
        }
    }

    public byte** Names { get; }
    public byte** Values { get; }
    public nuint* NameLengths { get; }
    public nuint* ValueLengths { get; }
    public nuint Count => (nuint)_count;

    public void Dispose()
    {
        for (var i = 0; i < _count; i++)
        {
            NativeMemory.Free(Names[i]);
            NativeMemory.Free(Values[i]);
        }
        NativeMemory.Free(Names);
        NativeMemory.Free(Values);
        NativeMemory.Free(NameLengths);
        NativeMemory.Free(ValueLengths);
    }

    private static byte* Copy(string text, out nuint length)
    {
        var size = Encoding.UTF8.GetByteCount(text);
        var memory = (byte*)NativeMemory.Alloc((nuint)size + 1);
        Encoding.UTF8.GetBytes(text, new Span<byte>(memory, size));
        memory[size] = 0;
        length = (nuint)size;
        return memory;
    }
}
