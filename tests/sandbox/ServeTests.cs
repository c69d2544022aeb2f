using System.Diagnostics;
using System.Runtime.InteropServices;
using Npgsql;

namespace ProjectionReplay.Sandbox.Tests;

public sealed partial class ServeTests(RunningSandbox sandbox) : IClassFixture<RunningSandbox>
{
    private const int Terminate = 15;
    private const int Interrupt = 2;

    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory(SkipUnless = nameof(HasSignals), Skip = "Windows has no signals.")]
    [InlineData(Terminate)]
    [InlineData(Interrupt)]
    public async Task A_signal_ends_it_cleanly(int signal)
    {
        await using var serve = await SandboxProcess.StartAsync(HasEnvWithSignals() ? ["env", "--default-signal=INT"] : []);
        var folders = FoldersOf(serve.Id);
        Assert.Single(folders);
        var postgres = PostgresIn(folders[0]);
        Assert.True(IsRunning(postgres));

        Assert.Equal(0, Send(serve.Id, signal));
        await serve.Process.WaitForExitAsync(Cancellation).WaitAsync(s_patience, Cancellation);

        Assert.Equal(0, serve.Process.ExitCode);
        Assert.False(IsRunning(postgres), "PostgreSQL is still running.");
        Assert.Empty(FoldersOf(serve.Id));
    }

    [Fact]
    public async Task The_end_of_standard_input_ends_it()
    {
        var serve = await SandboxProcess.StartAsync();
        var id = serve.Id;
        await serve.DisposeAsync();
        Assert.False(IsRunning(id));
        Assert.Empty(FoldersOf(id));
    }

    [Fact]
    public async Task It_ends_though_a_query_is_running()
    {
        await using var serve = await SandboxProcess.StartAsync(new SandboxOptions { Engines = SandboxEngines.ClickHouse });
        var server = new Uri(serve.ClickHouseUrl!.Replace("default:@", "", StringComparison.Ordinal));
        const string Query = "/?query=SELECT%20count()%20FROM%20numbers(10000000000000)%20WHERE%20NOT%20ignore(cityHash64(number))";
        var query = sandbox.Client.GetAsync(new Uri(server, Query), Cancellation);
        var limit = Stopwatch.StartNew();
        var running = new Uri(server, "/?query=SELECT%20count()%20FROM%20system.processes");
        while (await sandbox.Client.GetStringAsync(running, Cancellation) != "2\n")
            Assert.True(limit.Elapsed < s_patience, "The query did not start.");

        serve.Process.StandardInput.Close();
        await serve.Process.WaitForExitAsync(Cancellation).WaitAsync(s_patience, Cancellation);
        Assert.Equal(0, serve.Process.ExitCode);
        await Record.ExceptionAsync(() => query);
    }

    [Fact(SkipUnless = nameof(HasParentDeathSignal), Skip = "Needs Linux with setpriv.")]
    public async Task PostgreSQL_dies_with_a_killed_sandbox_and_the_next_start_cleans_up()
    {
        var serve = await SandboxProcess.StartAsync();
        var id = serve.Id;
        var postgres = PostgresIn(FoldersOf(id)[0]);
        serve.Process.Kill();
        await serve.DisposeAsync();
        var limit = Stopwatch.StartNew();
        while (IsRunning(postgres))
            Assert.True(limit.Elapsed < s_patience, "PostgreSQL outlives the sandbox.");

        // Whichever sandbox starts next: another test may have been sooner.
        await using var next = await SandboxProcess.StartAsync(new SandboxOptions { Engines = SandboxEngines.Redis });
        Assert.Empty(FoldersOf(id));
    }

    [Fact]
    public async Task A_data_folder_keeps_its_rows()
    {
        var folder = Directory.CreateTempSubdirectory("sandbox-test-");
        if (!OperatingSystem.IsWindows())
            folder.UnixFileMode |= UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        var options = new SandboxOptions { Engines = SandboxEngines.ClickHouse | SandboxEngines.Postgres, DataDirectory = folder.FullName };
        try
        {
            await using (var first = await SandboxProcess.StartAsync(options))
            {
                await PostAsync(first, "INSERT INTO evaluation_states (TenantId, EvaluationId) VALUES ('t', 'e')");
                await using var insert = await CommandAsync(
                    first, """INSERT INTO "TenantDailyBillableEvents" (id, "tenantId", date) VALUES ('a', 't', 'd')""");
                await insert.ExecuteNonQueryAsync(Cancellation);
                await insert.Connection!.CloseAsync();
            }
            await using var second = await SandboxProcess.StartAsync(options);
            Assert.Equal("e\n", await PostAsync(second, "SELECT EvaluationId FROM evaluation_states"));
            await using var count = await CommandAsync(second, """SELECT count(*) FROM "TenantDailyBillableEvents" """);
            Assert.Equal(1L, await count.ExecuteScalarAsync(Cancellation));
            await count.Connection!.CloseAsync();
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Theory]
    [InlineData("--no-such-option", "Unknown option: --no-such-option")]
    [InlineData("--engines=x", "Unknown option: --engines=x")]
    [InlineData("--redis-port", "--redis-port needs a value.")]
    [InlineData("--redis-port many", "--redis-port needs a whole number up to 65535, not 'many'.")]
    [InlineData("--engines mysql", "--engines: there is no engine 'mysql'.")]
    public void Wrong_arguments_are_explained(string arguments, string message)
    {
        var error = Assert.Throws<FormatException>(() => ServeArguments.Parse(arguments.Split(' ')));
        Assert.Equal(message, error.Message);
    }

    [Fact]
    public async Task Wrong_arguments_end_with_usage_and_exit_code_2()
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet", [typeof(SandboxProcess).Assembly.Location, "serve", "--nonsense"])
        {
            UseShellExecute = false,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!;
        var error = await process.StandardError.ReadToEndAsync(Cancellation);
        Assert.Empty(await process.StandardOutput.ReadToEndAsync(Cancellation));
        await process.WaitForExitAsync(Cancellation);
        Assert.Equal(2, process.ExitCode);
        Assert.Contains("Usage:", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_npm_it_says_what_to_install_and_how_to_do_without()
    {
        var cache = Directory.CreateTempSubdirectory("sandbox-test-");
        try
        {
            var start = new ProcessStartInfo(
                DotNetHost.Path, [typeof(SandboxProcess).Assembly.Location, "serve", "--engines", "clickhouse"])
            {
                UseShellExecute = false,
                RedirectStandardError = true,
                RedirectStandardOutput = true,
            };
            start.Environment["PATH"] = cache.FullName;
            start.Environment["PROJECTION_REPLAY_CACHE"] = cache.FullName;
            using var process = Process.Start(start)!;
            var error = await process.StandardError.ReadToEndAsync(Cancellation);
            await process.WaitForExitAsync(Cancellation);
            Assert.Equal(1, process.ExitCode);
            Assert.Contains("Install Node.js", error, StringComparison.Ordinal);
            Assert.Contains("CLICKHOUSE_URL", error, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        }
        finally
        {
            cache.Delete(recursive: true);
        }
    }

    public static bool HasSignals => !OperatingSystem.IsWindows();

    public static bool HasParentDeathSignal => OperatingSystem.IsLinux() && File.Exists("/usr/bin/setpriv");

    /// <summary>
    /// Whether <c>env</c> can undo that a signal is ignored. A script has what it starts with <c>&amp;</c> ignore SIGINT,
    /// and that is passed on from parent to child. A program should leave it so, as .NET does; but these tests may be
    /// run in that way too.
    /// </summary>
    private static bool HasEnvWithSignals()
    {
        try
        {
            var start = new ProcessStartInfo("env", ["--default-signal=INT", "true"])
            {
                UseShellExecute = false,
                RedirectStandardError = true,
            };
            using var process = Process.Start(start)!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    private async Task<string> PostAsync(SandboxProcess serve, string sql)
    {
        var server = new Uri(serve.ClickHouseUrl!.Replace("default:@", "", StringComparison.Ordinal));
        using var content = new StringContent(sql);
        using var response = await sandbox.Client.PostAsync(new Uri(server, "/?database=langwatch"), content, Cancellation);
        var text = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True(response.IsSuccessStatusCode, text);
        return text;
    }

    private static async Task<NpgsqlCommand> CommandAsync(SandboxProcess serve, string sql)
    {
        var port = new Uri(serve.DatabaseUrl!).Port;
        var connection = new NpgsqlConnection(
            $"Host=127.0.0.1;Port={port};Username=langwatch;Password=langwatch;Database=langwatch;Pooling=false");
        await connection.OpenAsync(Cancellation);
        return new NpgsqlCommand(sql, connection);
    }

    private static string[] FoldersOf(int process) =>
        Directory.GetDirectories(Path.GetTempPath(), $"projection-replay-sandbox-{process}-*");

    private static int PostgresIn(string folder) => int.Parse(
        File.ReadLines(Path.Combine(folder, "postgres", "postmaster.pid")).First(),
        System.Globalization.CultureInfo.InvariantCulture);

    private static bool IsRunning(int id)
    {
        try
        {
            using var process = Process.GetProcessById(id);
            return !process.HasExited;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Send(int process, int signal);
}
