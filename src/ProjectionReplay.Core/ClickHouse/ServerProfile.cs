namespace ProjectionReplay.ClickHouse;

/// <summary>What the settings profile of a ClickHouse user makes of the settings that queries rely on. Immutable.</summary>
internal sealed class ServerProfile
{
    private readonly Dictionary<string, (string Value, bool IsLocked)> _found = new(StringComparer.Ordinal);

    /// <param name="rows">The answer to <see cref="QuerySettings.ProfileSql"/>.</param>
    /// <exception cref="AnswerIncompleteException">The server tells nothing of its settings.</exception>
    public ServerProfile(IReadOnlyList<string[]> rows)
    {
        if (rows.Count == 0)
        {
            throw new AnswerIncompleteException("ClickHouse does not tell the settings that it goes by (table system.settings).");
        }

        foreach (var row in rows) _found[row[0]] = (row[1], row[2] == "1");
        MayChangeSettings = !_found.TryGetValue("readonly", out var mode) || mode.Value != "1";
    }

    /// <summary>Whether the user may send settings with a query at all: not under <c>readonly = 1</c>.</summary>
    public bool MayChangeSettings { get; }

    /// <summary>Whether a setting is known to the server, and may be sent.</summary>
    public bool MaySend(string name) => MayChangeSettings && _found.TryGetValue(name, out var profile) && !profile.IsLocked;

    /// <summary>Settings to send with a query: those that the server knows, and that the profile has otherwise.</summary>
    /// <exception cref="SettingLockedException">The profile has one of them otherwise, and the user may not change it.</exception>
    public Dictionary<string, string> ToSend(IReadOnlyList<(string Name, string Value)> wanted)
    {
        var send = new Dictionary<string, string>(StringComparer.Ordinal);
        if (MayChangeSettings)
        {
            foreach (var (name, value) in QuerySettings.Always) send[name] = value;
        }

        foreach (var setting in Differences(wanted))
        {
            if (setting.IsLocked) throw new SettingLockedException(setting.Name, setting.Found, setting.Wanted);
            send[setting.Name] = setting.Wanted;
        }

        return send;
    }

    /// <summary>Those of some settings that the server knows, and that the profile has otherwise.</summary>
    public IEnumerable<SettingDifference> Differences(IReadOnlyList<(string Name, string Value)> wanted)
    {
        foreach (var (name, value) in wanted)
        {
            if (!_found.TryGetValue(name, out var profile) || AreSame(profile.Value, value)) continue;
            yield return new SettingDifference(name, profile.Value, value, profile.IsLocked || !MayChangeSettings);
        }
    }

    /// <summary>What the profile has for a setting that was asked for; null when the server does not know it.</summary>
    public string? Find(string name) => _found.TryGetValue(name, out var profile) ? profile.Value : null;

    /// <summary>Servers write a flag as 0 or as false, and a number with a fraction or without.</summary>
    private static bool AreSame(string found, string wanted) => found == wanted || wanted switch
    {
        "0" => found is "false" or "0.0",
        "1" => found is "true" or "1.0",
        _ => false,
    };
}

/// <summary>A setting that a profile has otherwise than a query needs it.</summary>
/// <param name="Name">The setting.</param>
/// <param name="Found">What the profile has.</param>
/// <param name="Wanted">What a query needs.</param>
/// <param name="IsLocked">Whether the user may not change it, so that the query cannot be sent.</param>
internal sealed record SettingDifference(string Name, string Found, string Wanted, bool IsLocked);

/// <summary>A user's settings profile makes answers that cannot be relied on, and does not let that be changed.</summary>
internal sealed class SettingLockedException(string name, string found, string wanted) : Exception(
    $"The settings profile of the ClickHouse user has {name} = '{found}' and does not let it be changed: "
        + "answers may end early, or rows be lost, without an error.")
{
    /// <summary>The setting.</summary>
    public string Name => name;

    /// <summary>The value that it has to have.</summary>
    public string Wanted => wanted;
}
