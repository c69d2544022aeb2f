using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.Loader;
using ProjectionReplay.Faults;

namespace ProjectionReplay.Projections;

/// <summary>Loads the projections of an assembly beside this one, so that both mean the same types.</summary>
internal static class ProjectionAssembly
{
    /// <summary>Resolvers by assembly path: an assembly's neighbours may be asked for long after it was loaded.</summary>
    private static readonly ConcurrentDictionary<string, AssemblyDependencyResolver> Resolvers = new(StringComparer.Ordinal);

    private static readonly AssemblyLoadContext Context = Attach();

    /// <summary>The full path of an assembly; a relative one starts at the process's current directory.</summary>
    /// <exception cref="ReplayException"><see cref="ReplayError.ProjectionAssemblyInvalid"/>: it is no path at all.</exception>
    public static string FullPath(string path)
    {
        try
        {
            return Path.GetFullPath(path);
        }
        catch (Exception exception) when (exception is ArgumentException or IOException or NotSupportedException)
        {
            throw Invalid($"The projection assembly '{path}' cannot be found, for that is not a path. Give the path of a .dll.", exception);
        }
    }

    /// <summary>Loads an assembly and makes one of each of its projections.</summary>
    /// <param name="path">The assembly's full path.</param>
    /// <exception cref="ReplayException"><see cref="ReplayError.ProjectionAssemblyInvalid"/>.</exception>
    public static IReadOnlyList<IFoldProjection> Load(string path)
    {
        var assembly = LoadAssembly(path);
        try
        {
            var projections = assembly.GetExportedTypes().Where(IsProjection).Select(type => Create(type, path)).ToList();
            if (projections.Count > 0) return projections;
        }
        catch (Exception exception)
            when (exception is IOException or TypeLoadException or ReflectionTypeLoadException or BadImageFormatException)
        {
            throw Invalid(
                $"The projection assembly '{path}' needs something that cannot be loaded: {exception.Message} "
                    + "Put the assemblies that it was built with beside it, as 'dotnet publish' does, "
                    + "and build it against this version of ProjectionReplay.Core.",
                exception);
        }

        throw Invalid(
            $"The assembly '{path}' holds no projection. A projection is a public class that derives from FoldProjection<TState> "
                + "of this version of ProjectionReplay.Core and has a public constructor without parameters.");
    }

    private static Assembly LoadAssembly(string path)
    {
        if (!File.Exists(path)) throw Invalid($"The projection assembly '{path}' does not exist. Check the path.");
        try
        {
            Resolvers.TryAdd(path, new AssemblyDependencyResolver(path));
            return Context.LoadFromAssemblyPath(path);
        }
        catch (BadImageFormatException exception)
        {
            throw Invalid(
                $"The file '{path}' is not a .NET assembly, or is one for another platform. "
                    + "Give the path of a .dll built for .NET 10 or earlier.",
                exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            throw Invalid(
                $"The projection assembly '{path}' cannot be loaded: {exception.Message} "
                    + "Check that the file can be read and that its .deps.json is whole. "
                    + "If another build of it was loaded before, start a new session.",
                exception);
        }
    }

    private static bool IsProjection(Type type) =>
        type is { IsClass: true, IsAbstract: false, ContainsGenericParameters: false }
        && typeof(IFoldProjection).IsAssignableFrom(type)
        && type.GetConstructor(Type.EmptyTypes) is not null;

    private static IFoldProjection Create(Type type, string path)
    {
        try
        {
            return (IFoldProjection)Activator.CreateInstance(type)!;
        }
        catch (TargetInvocationException exception)
        {
            var cause = exception.InnerException ?? exception;
            throw Invalid(
                $"The constructor of projection class '{type.FullName}' of '{path}' failed: {cause.Message} "
                    + "Mend the class, then try again.",
                cause);
        }
    }

    private static AssemblyLoadContext Attach()
    {
        // A PowerShell module lives in a load context of its own; in any other the projections would find, or load, a
        // second FoldProjection that is not ours.
        var context = AssemblyLoadContext.GetLoadContext(typeof(ProjectionAssembly).Assembly) ?? AssemblyLoadContext.Default;
        context.Resolving += static (asked, name) =>
            Resolvers.Values.Select(resolver => resolver.ResolveAssemblyToPath(name)).FirstOrDefault(path => path is not null) is { } path
                ? asked.LoadFromAssemblyPath(path)
                : null;
        return context;
    }

    private static ReplayException Invalid(string message, Exception? innerException = null) =>
        new(ReplayError.ProjectionAssemblyInvalid, message, innerException);
}
