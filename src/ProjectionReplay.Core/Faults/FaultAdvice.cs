namespace ProjectionReplay.Faults;

/// <summary>
/// What to do about a server's fault, by its kind. It comes behind the server's own words. <c>docs/troubleshooting.md</c> has
/// the same table, which a test holds to this one.
/// </summary>
internal static class FaultAdvice
{
    /// <summary>The kinds, each with what to do; {0} is the server, {1} the variable with its URL.</summary>
    public static readonly IReadOnlyList<(FaultKind Kind, string Advice)> Table =
    [
        (FaultKind.Unreachable, "Check that {0} is up, and that {1} (or its parameter) points to it."),
        (FaultKind.Proxy, "Check that {1} (or its parameter) names {0} itself, and what stands on the way to it."),
        (
            FaultKind.Encryption,
            "Check whether {0} speaks TLS on that port, that {1} (or its parameter) says the same, and that its certificate is trusted."),
        (FaultKind.Login, "Check user and password in {1} (or its parameter)."),
        (FaultKind.Database, "Check the database at the end of {1} (or its parameter)."),
        (FaultKind.Permission, "Give the user of {1} that right, or name one who has it."),
        (FaultKind.Overload, "{0} is short of memory, time or space: see to that."),
        (FaultKind.Refused, "{0} is up, and refuses this: its words say why."),
    ];

    /// <summary>What to do about a kind of fault, as a sentence.</summary>
    public static string Of(FaultKind kind, string server, string variable) => Table.First(row => row.Kind == kind).Advice
        .Replace("{0}", server, StringComparison.Ordinal)
        .Replace("{1}", variable, StringComparison.Ordinal);
}

/// <summary>What is wrong with a server, for the person who has to see to it.</summary>
internal enum FaultKind
{
    /// <summary>It does not answer.</summary>
    Unreachable,

    /// <summary>Something else answers in its place.</summary>
    Proxy,

    /// <summary>One end speaks TLS, the other does not, or a certificate was not taken.</summary>
    Encryption,

    /// <summary>It does not let the user in.</summary>
    Login,

    /// <summary>It has no such database.</summary>
    Database,

    /// <summary>The user may not do that.</summary>
    Permission,

    /// <summary>It cannot do that now.</summary>
    Overload,

    /// <summary>It refuses for another reason.</summary>
    Refused,
}
