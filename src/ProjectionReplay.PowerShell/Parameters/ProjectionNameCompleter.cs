using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace ProjectionReplay.PowerShell;

/// <summary>Completes projection names: those built in, and those of the assemblies that the command line names.</summary>
public sealed class ProjectionNameCompleter : IArgumentCompleter
{
    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        var word = TypedWord.Parse(wordToComplete);
        return Find(fakeBoundParameters)
            .Where(info => info.Name.StartsWith(word.Text, StringComparison.OrdinalIgnoreCase))
            .Select(info => new CompletionResult(
                word.Complete(info.Name),
                info.Name,
                CompletionResultType.ParameterValue,
                $"{info.Name}: {info.Pipeline}, {info.Table} ({info.Store})"));
    }

    private static IReadOnlyList<ProjectionInfo> Find(IDictionary fakeBoundParameters)
    {
        try
        {
            var paths = LanguagePrimitives.ConvertTo(fakeBoundParameters["Path"], typeof(string[]), CultureInfo.InvariantCulture);
            return ProjectionLookup.Load(paths as string[] ?? []).All;
        }
        catch (Exception)
        {
            // A completion has nobody to tell of an assembly that cannot be loaded; the command will.
            return [];
        }
    }
}
