using System.Diagnostics;
using System.Runtime.InteropServices;

namespace ProjectionReplay.Sandbox.Postgres;

/// <summary>
/// Who runs PostgreSQL. It refuses to run as root, so root hands it to the account <c>postgres</c> or
/// <c>nobody</c>; anyone else runs it as themselves.
/// </summary>
internal sealed partial class PostgresAccount
{
    private const string SetPriv = "/usr/bin/setpriv";

    private readonly string? _user;

    private PostgresAccount(string? user) => _user = user;

    /// <summary>Another user than this process's.</summary>
    public bool IsOther => _user is not null;

    /// <exception cref="SandboxException">This is root and there is nobody to hand over to.</exception>
    public static PostgresAccount Choose()
    {
        if (OperatingSystem.IsWindows() || EffectiveUserId() != 0)
            return new PostgresAccount(null);
        var users = File.ReadLines("/etc/passwd").Select(line => line.Split(':')[0]).ToHashSet(StringComparer.Ordinal);
        foreach (var user in (string[])["postgres", "nobody"])
        {
            if (users.Contains(user))
                return new PostgresAccount(user);
        }
        throw new SandboxException(
            "PostgreSQL does not run as root, and there is neither a user 'postgres' nor 'nobody': set DATABASE_URL to a server.");
    }

    /// <summary>How to start a program as this account and, where Linux lets us, have it die with this process.</summary>
    public ProcessStartInfo Start(string program, params string[] arguments)
    {
        string[] command = [program, .. arguments];
        if (File.Exists(SetPriv))
        {
            string[] identity = _user is null ? [] : [$"--reuid={_user}", $"--regid={GroupOf(_user)}", "--clear-groups"];

            // The signal comes even when this process is killed outright.
            command = [SetPriv, .. identity, "--pdeathsig", "INT", .. command];
        }
        else if (_user is not null)
        {
            command = ["runuser", "-u", _user, "--", .. command];
        }
        return new ProcessStartInfo(command[0], command[1..]) { WorkingDirectory = Path.GetTempPath() };
    }

    /// <summary>Gives a folder and all in it to the account.</summary>
    public void Own(string path)
    {
        if (_user is null)
            return;
        using var chown = Process.Start("chown", ["-R", _user, path]);
        chown.WaitForExit();
    }

    private static string GroupOf(string user) =>
        File.ReadLines("/etc/passwd")
            .Select(line => line.Split(':'))
            .First(fields => string.Equals(fields[0], user, StringComparison.Ordinal))[3];

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint EffectiveUserId();
}
