using System.Globalization;
using System.Management.Automation;

namespace ProjectionReplay.PowerShell;

/// <summary>Takes a bare number as seconds, where PowerShell would take it as ticks or as days.</summary>
public sealed class SecondsTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        return value switch
        {
            int or long or double or decimal => FromSeconds(Convert.ToDouble(value, CultureInfo.InvariantCulture)),
            string text when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds) =>
                FromSeconds(seconds),
            string text when TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var span) => span,
            TimeSpan span => span,
            _ => throw new ArgumentTransformationMetadataException(
                Strings.NotATimeSpan.With(value)),
        };
    }

    private static TimeSpan FromSeconds(double seconds) =>
        Math.Abs(seconds) < TimeSpan.MaxValue.TotalSeconds
            ? TimeSpan.FromSeconds(seconds)
            : throw new ArgumentTransformationMetadataException(
                Strings.NotATimeSpan.With(seconds));
}
