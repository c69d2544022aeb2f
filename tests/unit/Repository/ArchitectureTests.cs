using ArchUnitNET.Domain;
using ArchUnitNET.Loader;
using ProjectionReplay.Events;

namespace ProjectionReplay.Repository;

/// <summary>
/// The rooms of the engine, which are its folders, and the arrows between them: a room knows those below it and none above.
/// </summary>
public sealed class ArchitectureTests
{
    /// <summary>The rooms, from the top down to the ground.</summary>
    private static readonly string[] s_rooms =
    [
        "Diagnosis",
        "Comparison",
        "Runs",
        "Markers",
        "Cycle",
        "Reporting",
        "Planning",
        "Coordination",
        "Folding",
        "Stores",
        "Projections",
        "Events",
        "ClickHouse",
        "Redis",
        "Postgres",
        "Configuration",
        "Json",
        "Tables",
        "Faults",
    ];

    /// <summary>Arrows that run up and are still there. The list only gets shorter: who mends one takes it out.</summary>
    private static readonly string[] s_known =
    [
        "Configuration -> Projections",
        "Projections -> Stores",
    ];

    private static readonly Architecture s_engine = new ArchLoader().LoadAssemblies(typeof(ReplayEvent).Assembly).Build();

    [Fact]
    public void Rooms_know_only_those_below_them()
    {
        var up =
            from type in s_engine.Types
            let room = RoomOf(type)
            where room is not null
            from dependency in type.Dependencies
            let other = RoomOf(dependency.Target)
            where dependency.Target is not GenericParameter
            where other is not null && Array.IndexOf(s_rooms, other) < Array.IndexOf(s_rooms, room)
            group $"{type.Name} -> {dependency.Target.Name}" by $"{room} -> {other}" into arrow
            orderby arrow.Key
            select (Arrow: arrow.Key, Examples: string.Join(", ", arrow.Distinct().Take(8)));

        var found = up.ToList();

        Assert.All(found, arrow => Assert.True(s_known.Contains(arrow.Arrow), $"{arrow.Arrow}: {arrow.Examples}"));
        Assert.Empty(s_known.Except(found.Select(arrow => arrow.Arrow)));
    }

    [Fact]
    public void Every_type_is_in_a_room_that_is_named_here() => Assert.Empty(
        from type in s_engine.Types
        where type.FullName.StartsWith("ProjectionReplay.", StringComparison.Ordinal) && RoomOf(type) is { } room && !s_rooms.Contains(room)
        select type.FullName);

    /// <summary>The first folder that a type is in; null for what is not of the engine, and for the little that all rooms use.</summary>
    private static string? RoomOf(IType type)
    {
        const string Root = "ProjectionReplay.";
        var space = type.Namespace?.FullName ?? "";
        if (!space.StartsWith(Root, StringComparison.Ordinal)) return null;
        var rest = space[Root.Length..];
        return rest.Split('.')[0];
    }
}
