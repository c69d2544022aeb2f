using System.Text.Json;

namespace ProjectionReplay.Sandbox.Engines;

/// <summary>
/// Makes the links between PostgreSQL's shared libraries, which an npm package cannot hold: it lists
/// them in <c>pg-symlinks.json</c> instead.
/// </summary>
internal static class PostgresLinks
{
    /// <summary>Makes the links of every package below the folder.</summary>
    public static void Create(string scope)
    {
        if (!Directory.Exists(scope))
            return;
        foreach (var package in Directory.EnumerateDirectories(scope))
        {
            var list = Path.Combine(package, "native", "pg-symlinks.json");
            if (!File.Exists(list))
                continue;
            using var links = JsonDocument.Parse(File.ReadAllBytes(list));
            foreach (var link in links.RootElement.EnumerateArray())
                Create(package, link.GetProperty("source").GetString()!, link.GetProperty("target").GetString()!);
        }
    }

    private static void Create(string package, string source, string target)
    {
        var path = Path.GetFullPath(Path.Combine(package, target));
        if (File.Exists(path))
            return;
        var folder = Path.GetDirectoryName(path)!;
        Directory.CreateDirectory(folder);
        File.CreateSymbolicLink(path, Path.GetRelativePath(folder, Path.GetFullPath(Path.Combine(package, source))));
    }
}
