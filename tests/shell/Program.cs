// A PowerShell of the least kind, for tests that need a process of their own: another time zone, another environment,
// or assemblies that only the module brings along. Runs the script that comes on standard input; prints what it
// writes, one line an object, and its errors as `ERROR id: message`.
using System.Management.Automation;
using System.Management.Automation.Runspaces;

var session = InitialSessionState.CreateDefault2();
if (OperatingSystem.IsWindows()) session.ExecutionPolicy = Microsoft.PowerShell.ExecutionPolicy.Bypass;
using var runspace = RunspaceFactory.CreateRunspace(session);
runspace.Open();
runspace.SessionStateProxy.Path.SetLocation(Environment.CurrentDirectory);

using var shell = PowerShell.Create(runspace);
shell.AddScript(await Console.In.ReadToEndAsync());
try
{
    foreach (var item in shell.Invoke()) Console.WriteLine(item);
    foreach (var error in shell.Streams.Error) Report(error);
    return shell.HadErrors ? 1 : 0;
}
catch (RuntimeException exception)
{
    Report(exception.ErrorRecord);
    return 1;
}

static void Report(ErrorRecord error) => Console.WriteLine($"ERROR {error.FullyQualifiedErrorId}: {error.Exception.Message}");
