// Turns docs/cmdlets/*.md and docs/about_*.md into the files that Get-Help reads. A step of the module's build.
using ProjectionReplay.Help;

if (args is not [var assembly, var documentation, var output])
{
    Console.Error.WriteLine("Usage: ProjectionReplay.Help <module assembly> <documentation folder> <output folder>");
    return 2;
}

var faults = new HelpFiles(assembly, documentation).Write(output);
foreach (var fault in faults) Console.WriteLine(fault);
return faults.Count == 0 ? 0 : 1;
