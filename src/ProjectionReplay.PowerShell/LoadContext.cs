using System.Management.Automation;
using System.Reflection;
using System.Runtime.Loader;

namespace ProjectionReplay.PowerShell;

/// <summary>
/// Holds the engine and every library that it uses, apart from PowerShell and from other modules: they may have other
/// versions of the same libraries loaded without either side noticing.
/// </summary>
internal sealed class LoadContext(string directory) : AssemblyLoadContext("ProjectionReplay")
{
    /// <inheritdoc/>
    protected override Assembly? Load(AssemblyName assemblyName)
    {
        var path = Path.Combine(directory, assemblyName.Name + ".dll");

        // What is not ours comes from PowerShell: the framework and System.Management.Automation.
        return File.Exists(path) ? LoadFromAssemblyPath(path) : null;
    }
}

/// <summary>Connects the cmdlets to the engine's load context while the module is imported.</summary>
/// <remarks>
/// PowerShell looks through all types of this assembly before it calls <see cref="OnImport"/>. Until then the engine
/// cannot be found, so no type here may have an engine type as base, as interface or as a field of a value type (and a
/// lambda that captures an engine's enum has such a field). Anything else is resolved when it is first run.
/// </remarks>
public sealed class ModuleLifetime : IModuleAssemblyInitializer, IModuleAssemblyCleanup
{
    private const string Engine = "ProjectionReplay.Core";

    private static readonly LoadContext Dependencies = new(
        Path.Combine(Path.GetDirectoryName(typeof(ModuleLifetime).Assembly.Location)!, "dependencies"));

    private static readonly Lock Gate = new();

    // Several runspaces of one process may have the module imported.
    private static int _imports;

    /// <inheritdoc/>
    public void OnImport()
    {
        lock (Gate)
        {
            if (_imports++ == 0) AssemblyLoadContext.Default.Resolving += ResolveEngine;
        }
    }

    /// <inheritdoc/>
    public void OnRemove(PSModuleInfo psModuleInfo)
    {
        lock (Gate)
        {
            if (--_imports == 0) AssemblyLoadContext.Default.Resolving -= ResolveEngine;
        }
    }

    private static Assembly? ResolveEngine(AssemblyLoadContext context, AssemblyName name) =>
        name.Name == Engine ? Dependencies.LoadFromAssemblyName(name) : null;
}
