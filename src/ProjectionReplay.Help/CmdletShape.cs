using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Reflection;

namespace ProjectionReplay.Help;

/// <summary>What a cmdlet's class itself says: names, types, defaults. Taken from there, so that help cannot be wrong about it.</summary>
/// <param name="Verb">The verb.</param>
/// <param name="Noun">The noun.</param>
/// <param name="Parameters">The parameters, in the class's order; -WhatIf and -Confirm at the end where there are any.</param>
/// <param name="ParameterSets">The names of the parameter sets, the default one first.</param>
internal sealed record CmdletShape(string Verb, string Noun, IReadOnlyList<ParameterShape> Parameters, IReadOnlyList<string> ParameterSets)
{
    /// <summary>The cmdlet's name.</summary>
    public string Name => $"{Verb}-{Noun}";

    /// <summary>Reads a class, or returns null when it is not a cmdlet.</summary>
    public static CmdletShape? From(Type type)
    {
        if (type.IsAbstract || type.GetCustomAttribute<CmdletAttribute>() is not { } cmdlet) return null;
        var instance = Activator.CreateInstance(type)!;
        using var owner = instance as IDisposable;
        var parameters = type.GetProperties()
            .Where(property => property.IsDefined(typeof(ParameterAttribute)))
            .OrderBy(property => property.MetadataToken)
            .Select(property => ParameterShape.From(property, instance));
        ParameterShape[] all = [.. parameters, .. cmdlet.SupportsShouldProcess ? ParameterShape.OfShouldProcess : []];
        string[] named =
        [
            .. all.SelectMany(parameter => parameter.Uses.Keys)
                .Where(name => name != ParameterAttribute.AllParameterSets)
                .Distinct(StringComparer.Ordinal),
        ];
        return new CmdletShape(
            cmdlet.VerbName,
            cmdlet.NounName,
            all,
            named.Length == 0
                ? [ParameterAttribute.AllParameterSets]
                : [.. named.Prepend(cmdlet.DefaultParameterSetName).OfType<string>().Distinct(StringComparer.Ordinal)]);
    }
}

/// <summary>What a cmdlet's class says of a parameter.</summary>
internal sealed record ParameterShape
{
    /// <summary>The name, without a dash.</summary>
    public required string Name { get; init; }

    /// <summary>The type, as PowerShell writes it in a syntax: <c>String[]</c>.</summary>
    public required string TypeName { get; init; }

    /// <summary>Other names.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    /// <summary>Whether the values are patterns.</summary>
    public bool AcceptsWildcards { get; init; }

    /// <summary>What it is when it is not given, or null when that is nothing.</summary>
    public string? DefaultValue { get; init; }

    /// <summary>The values there are; empty when there is no list of them.</summary>
    public IReadOnlyList<string> Values { get; init; } = [];

    /// <summary>How it is given, by parameter set.</summary>
    public required IReadOnlyDictionary<string, ParameterAttribute> Uses { get; init; }

    /// <summary>Whether it takes no value.</summary>
    public bool IsSwitch => TypeName == nameof(SwitchParameter);

    /// <summary>The parameters of a cmdlet that asks before it acts.</summary>
    public static IReadOnlyList<ParameterShape> OfShouldProcess { get; } = [Ask("WhatIf", "wi"), Ask("Confirm", "cf")];

    /// <summary>How it is given in a parameter set, or null when it is not.</summary>
    public ParameterAttribute? UseIn(string set) =>
        Uses.GetValueOrDefault(set) ?? Uses.GetValueOrDefault(ParameterAttribute.AllParameterSets);

    /// <summary>Reads a property.</summary>
    public static ParameterShape From(PropertyInfo property, object instance)
    {
        var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        var uses = property.GetCustomAttributes<ParameterAttribute>().ToDictionary(use => use.ParameterSetName, StringComparer.Ordinal);
        return new ParameterShape
        {
            Name = property.Name,
            TypeName = type.Name,
            Aliases = [.. property.GetCustomAttributes<AliasAttribute>().SelectMany(alias => alias.AliasNames)],
            AcceptsWildcards = property.IsDefined(typeof(SupportsWildcardsAttribute)),
            DefaultValue = uses.Values.All(use => use.Mandatory) ? null : Describe(property, property.GetValue(instance)),
            Values = type.IsEnum
                ? Enum.GetNames(type)
                : [.. property.GetCustomAttributes<ValidateSetAttribute>().SelectMany(set => set.ValidValues)],
            Uses = uses,
        };
    }

    private static string? Describe(PropertyInfo property, object? value)
    {
        // What may not be given stands for not given.
        if (property.GetCustomAttribute<ValidateRangeAttribute>() is { MinRange: IComparable least }
            && value?.GetType() == least.GetType()
            && least.CompareTo(value) > 0)
        {
            return null;
        }

        return value switch
        {
            null or "" => null,
            SwitchParameter given => given ? "True" : "False",
            string text => text,
            IEnumerable items => items.Cast<object>().ToArray() is [_, ..] some ? string.Join(", ", some) : null,
            IFormattable formattable => formattable.ToString(format: null, CultureInfo.InvariantCulture),
            _ => value.ToString(),
        };
    }

    private static ParameterShape Ask(string name, string alias) => new()
    {
        Name = name,
        TypeName = nameof(SwitchParameter),
        Aliases = [alias],
        DefaultValue = "False",
        Uses = new Dictionary<string, ParameterAttribute>(StringComparer.Ordinal) { [ParameterAttribute.AllParameterSets] = new() },
    };
}
