using System.Diagnostics;
using ProjectionReplay.Sandbox.Engines;

namespace ProjectionReplay.Sandbox.Tests;

public sealed class JavaScriptClientTests(RunningSandbox sandbox) : IClassFixture<RunningSandbox>
{
    public static bool HasNode => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Any(folder => File.Exists(Path.Combine(folder, OperatingSystem.IsWindows() ? "node.exe" : "node")));

    [Fact(SkipUnless = nameof(HasNode), Skip = "Node.js is not on PATH.")]
    public async Task The_official_javascript_client_works()
    {
        var cancellation = TestContext.Current.CancellationToken;
        var folder = Directory.CreateTempSubdirectory("sandbox-js-");
        try
        {
            foreach (var file in Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "js")))
                File.Copy(file, Path.Combine(folder.FullName, Path.GetFileName(file)));
            await RunAsync("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", "--loglevel=error");
            Assert.Equal("ok", (await RunAsync("node", "client.mjs", sandbox.Process.ClickHouseUrl!)).Trim());
        }
        finally
        {
            folder.Delete(recursive: true);
        }

        async Task<string> RunAsync(string program, params string[] arguments)
        {
            var (exitCode, output) = await CapturedProcess.RunAsync(
                new ProcessStartInfo(program, arguments) { WorkingDirectory = folder.FullName }, cancellation);
            Assert.True(exitCode == 0, $"{program} ended with {exitCode}:\n{output}");
            return output;
        }
    }
}
