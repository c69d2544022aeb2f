using System.Reflection;
using System.Runtime.Loader;

namespace ProjectionReplay.Help;

/// <summary>Reads the cmdlets of a module's assembly, as it is laid out: its libraries in the folder <c>dependencies</c>.</summary>
internal sealed class CmdletAssembly : AssemblyLoadContext
{
    private readonly string _dependencies;

    private CmdletAssembly(string path) => _dependencies = Path.Combine(Path.GetDirectoryName(path)!, "dependencies");

    /// <summary>The cmdlets, by name.</summary>
    public static IReadOnlyList<CmdletShape> Read(string path)
    {
        var assembly = new CmdletAssembly(Path.GetFullPath(path)).LoadFromAssemblyPath(Path.GetFullPath(path));
        return
        [
            .. assembly.GetExportedTypes()
                .Select(CmdletShape.From)
                .OfType<CmdletShape>()
                .OrderBy(cmdlet => cmdlet.Name, StringComparer.Ordinal),
        ];
    }

    /// <inheritdoc/>
    protected override Assembly? Load(AssemblyName assemblyName)
    {
        var path = Path.Combine(_dependencies, assemblyName.Name + ".dll");
        return File.Exists(path) ? LoadFromAssemblyPath(path) : null;
    }
}
