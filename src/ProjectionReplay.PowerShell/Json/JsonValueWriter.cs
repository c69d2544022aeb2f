using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Numerics;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ProjectionReplay.PowerShell.Json;

/// <summary>Writes whatever comes down a PowerShell pipeline as a JSON value. Keeps no state.</summary>
/// <param name="depth">
/// Levels of objects and lists within an item that are written as such; what lies deeper becomes text. That also ends
/// circular references.
/// </param>
internal sealed class JsonValueWriter(int depth)
{
    /// <summary>Writes one value.</summary>
    public void Write(Utf8JsonWriter writer, object? value) => Write(writer, value, level: 0);

    private void Write(Utf8JsonWriter writer, object? value, int level)
    {
        var plain = value is PSObject wrapped ? wrapped.BaseObject : value;
        if (TryWriteNumber(writer, plain) || TryWriteText(writer, plain)) return;

        if (level > depth)
        {
            writer.WriteStringValue(Describe(value!));
            return;
        }

        switch (plain)
        {
            case JsonElement element:
                element.WriteTo(writer);
                break;
            case JsonDocument document:
                document.WriteTo(writer);
                break;
            case JsonNode node:
                node.WriteTo(writer);
                break;
            case ErrorRecord error:
                WriteError(writer, error, level);
                break;
            case Exception exception:
                WriteException(writer, exception, level);
                break;
            case IDictionary dictionary:
                WriteDictionary(writer, dictionary, level);
                break;
            case IEnumerable items:
                WriteList(writer, items, level);
                break;
            default:
                WriteProperties(writer, PSObject.AsPSObject(value), level);
                break;
        }
    }

    private static bool TryWriteNumber(Utf8JsonWriter writer, object? value)
    {
        switch (value)
        {
            // By name: names outlive renumbering.
            case Enum name:
                writer.WriteStringValue(name.ToString());
                break;
            case bool flag:
                writer.WriteBooleanValue(flag);
                break;
            case byte or sbyte or short or ushort or int or long:
                writer.WriteNumberValue(Convert.ToInt64(value, CultureInfo.InvariantCulture));
                break;
            case uint or ulong:
                writer.WriteNumberValue(Convert.ToUInt64(value, CultureInfo.InvariantCulture));
                break;
            case decimal number:
                writer.WriteNumberValue(number);
                break;
            case BigInteger number:
                writer.WriteRawValue(number.ToString(CultureInfo.InvariantCulture));
                break;
            case Int128 or UInt128:
                writer.WriteRawValue(((IFormattable)value).ToString(format: null, CultureInfo.InvariantCulture));
                break;
            // JSON has no such numbers; their names say more than null would.
            case double number when !double.IsFinite(number):
                writer.WriteStringValue(number.ToString(CultureInfo.InvariantCulture));
                break;
            case float number when !float.IsFinite(number):
                writer.WriteStringValue(number.ToString(CultureInfo.InvariantCulture));
                break;
            case Half number when !Half.IsFinite(number):
                writer.WriteStringValue(number.ToString(CultureInfo.InvariantCulture));
                break;
            case double number:
                writer.WriteNumberValue(number);
                break;
            case float number:
                writer.WriteNumberValue(number);
                break;
            case Half number:
                writer.WriteNumberValue((float)number);
                break;
            default:
                return false;
        }

        return true;
    }

    private static bool TryWriteText(Utf8JsonWriter writer, object? value)
    {
        switch (value)
        {
            case null or DBNull:
                writer.WriteNullValue();
                break;
            case string text:
                writer.WriteStringValue(text);
                break;
            case DateTime time:
                writer.WriteStringValue(time);
                break;
            case DateTimeOffset time:
                writer.WriteStringValue(time);
                break;
            case DateOnly or TimeOnly:
                writer.WriteStringValue(((IFormattable)value).ToString("O", CultureInfo.InvariantCulture));
                break;
            case TimeSpan span:
                writer.WriteStringValue(span.ToString("c", CultureInfo.InvariantCulture));
                break;
            case Guid id:
                writer.WriteStringValue(id);
                break;
            case Uri uri:
                writer.WriteStringValue(uri.OriginalString);
                break;
            case byte[] bytes:
                writer.WriteBase64StringValue(bytes);
                break;
            case SwitchParameter flag:
                writer.WriteBooleanValue(flag.IsPresent);
                break;
            // Text is what they are to a person; their properties lead all over the runtime, or nowhere.
            case char or Version or CultureInfo or ScriptBlock or Delegate or MemberInfo or Assembly or Module
                or System.Net.IPAddress or System.Security.SecureString or System.Text.Encoding or Pointer:
                writer.WriteStringValue(value.ToString());
                break;
            default:
                return false;
        }

        return true;
    }

    private void WriteDictionary(Utf8JsonWriter writer, IDictionary dictionary, int level)
    {
        writer.WriteStartObject();
        foreach (DictionaryEntry entry in dictionary)
        {
            writer.WritePropertyName(Convert.ToString(entry.Key, CultureInfo.InvariantCulture) ?? "");
            Write(writer, entry.Value, level + 1);
        }

        writer.WriteEndObject();
    }

    private void WriteList(Utf8JsonWriter writer, IEnumerable items, int level)
    {
        writer.WriteStartArray();
        foreach (var item in items) Write(writer, item, level + 1);
        writer.WriteEndArray();
    }

    private void WriteProperties(Utf8JsonWriter writer, PSObject value, int level)
    {
        writer.WriteStartObject();
        foreach (var property in value.Properties)
        {
            if (!property.IsGettable) continue;
            writer.WritePropertyName(property.Name);
            Write(writer, Read(property), level + 1);
        }

        writer.WriteEndObject();
    }

    // A property may throw whatever it likes; the others are still worth writing.
    private static object? Read(PSPropertyInfo property)
    {
        try
        {
            return property.Value;
        }
        catch (Exception exception) when (exception is not PipelineStoppedException)
        {
            return null;
        }
    }

    private void WriteError(Utf8JsonWriter writer, ErrorRecord error, int level)
    {
        writer.WriteStartObject();
        writer.WriteString("Message", error.ErrorDetails?.Message ?? error.Exception.Message);
        writer.WriteString("FullyQualifiedErrorId", error.FullyQualifiedErrorId);
        writer.WriteString("Category", error.CategoryInfo.Category.ToString());
        writer.WriteString("Activity", error.CategoryInfo.Activity);
        writer.WriteString("TargetName", error.CategoryInfo.TargetName);
        writer.WriteString("ScriptStackTrace", error.ScriptStackTrace);
        writer.WritePropertyName("Exception");
        Write(writer, error.Exception, level + 1);
        writer.WriteEndObject();
    }

    private void WriteException(Utf8JsonWriter writer, Exception exception, int level)
    {
        writer.WriteStartObject();
        writer.WriteString("Type", exception.GetType().FullName);
        writer.WriteString("Message", exception.Message);
        if (exception.InnerException is { } inner)
        {
            writer.WritePropertyName("InnerException");
            Write(writer, inner, level + 1);
        }

        writer.WriteEndObject();
    }

    private static string Describe(object value) => value switch
    {
        // PowerShell's own text form of a list holds the text of every item, and may never end.
        PSObject { BaseObject: IEnumerable list } => list.ToString() ?? "",
        _ => value.ToString() ?? "",
    };
}
