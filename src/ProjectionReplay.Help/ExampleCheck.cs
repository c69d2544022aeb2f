using System.Management.Automation;
using System.Management.Automation.Language;

namespace ProjectionReplay.Help;

/// <summary>Sees that examples are PowerShell, and that the parameters in them exist.</summary>
internal static class ExampleCheck
{
    /// <summary>Checks the examples of a page.</summary>
    /// <exception cref="PageException">One is wrong.</exception>
    public static void Check(CmdletPage page, IReadOnlyList<CmdletShape> cmdlets)
    {
        foreach (var example in page.Examples) Check(page, example.Code, cmdlets);
    }

    private static void Check(CmdletPage page, HelpCode code, IReadOnlyList<CmdletShape> cmdlets)
    {
        var script = Parser.ParseInput(code.Text, out _, out var errors);
        if (errors is [{ } error, ..]) throw Fault(error.Extent, error.Message);

        var commands = script.FindAll(ast => ast is CommandAst, searchNestedScriptBlocks: true).Cast<CommandAst>().ToArray();
        if (!commands.Any(command => IsNamed(command, page.Name))) throw Fault(script.Extent, $"The example does not use {page.Name}.");
        foreach (var command in commands)
        {
            if (cmdlets.FirstOrDefault(cmdlet => IsNamed(command, cmdlet.Name)) is not { } known) continue;
            foreach (var parameter in command.CommandElements.OfType<CommandParameterAst>())
            {
                if (!Has(known, parameter.ParameterName))
                {
                    throw Fault(parameter.Extent, $"{known.Name} has no parameter -{parameter.ParameterName}.");
                }
            }
        }

        // The code starts on the line behind its fence.
        PageException Fault(IScriptExtent extent, string problem) => new(page.File, code.Line + extent.StartLineNumber, problem);
    }

    private static bool IsNamed(CommandAst command, string name) =>
        string.Equals(command.GetCommandName(), name, StringComparison.OrdinalIgnoreCase);

    private static bool Has(CmdletShape cmdlet, string parameter) =>
        Cmdlet.CommonParameters.Contains(parameter)
        || cmdlet.Parameters.Any(known => known.Aliases.Prepend(known.Name).Contains(parameter, StringComparer.OrdinalIgnoreCase));
}
