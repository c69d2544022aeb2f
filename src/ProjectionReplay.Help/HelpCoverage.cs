namespace ProjectionReplay.Help;

/// <summary>Finds what has no help yet.</summary>
internal static class HelpCoverage
{
    private const int LeastExamples = 3;

    // Documented where they do something of their own, such as a dry run; otherwise they are the same everywhere.
    private static readonly string[] Optional = ["WhatIf", "Confirm"];

    /// <summary>Lists it, a sentence each.</summary>
    public static IEnumerable<string> FindGaps(IReadOnlyList<CmdletShape> cmdlets, IReadOnlyList<CmdletPage> pages)
    {
        foreach (var cmdlet in cmdlets)
        {
            if (pages.FirstOrDefault(page => page.Name == cmdlet.Name) is not { } page)
            {
                yield return $"{cmdlet.Name} has no page: write docs/cmdlets/{cmdlet.Name}.md.";
                continue;
            }

            if (page.Examples.Count < LeastExamples)
            {
                yield return $"{page.File} has {page.Examples.Count} examples, and should have {LeastExamples} or more.";
            }

            var silent = cmdlet.Parameters.Where(
                parameter => !Optional.Contains(parameter.Name) && !page.Parameters.ContainsKey(parameter.Name));
            foreach (var parameter in silent)
            {
                yield return $"{page.File} says nothing of -{parameter.Name}.";
            }
        }
    }
}
