using System.Diagnostics;
using System.Globalization;

namespace ProjectionReplay.Cmdlets;

/// <summary>
/// A terminal with pwsh or another program in it, as a person has it before them: keys go in, and what stands on the
/// screen comes out. It is tmux, with a server of its own, which ends with the test.
/// </summary>
internal sealed class Terminal : IAsyncDisposable
{
    /// <summary>What terminals are that nobody made larger.</summary>
    public const int UsualColumns = 80;

    // Wide enough for every sentence: where a longer one is broken is not the point.
    private const int ManyColumns = 220;
    private const int Rows = 50;

    /// <summary>Not pwsh's own, which has the folder in it: that may be long, or have other names.</summary>
    private const string Prompt = "PS>";

    // A busy machine takes its time to start a shell within the shell.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly string _server = $"projection-replay-{Guid.NewGuid():N}";

    private readonly int _columns;
    private readonly string _exitCode;

    private Terminal(int columns) => (_columns, _exitCode) = (columns, Path.Combine(Path.GetTempPath(), _server));

    /// <summary>The folder that the session starts in.</summary>
    public DirectoryInfo Location { get; } = Directory.CreateTempSubdirectory("projection-replay-");

    /// <summary>Opens a wide terminal, and waits for pwsh's prompt. Skips the test where there is none to be had.</summary>
    /// <param name="environment">Variables to set.</param>
    public static Task<Terminal> OpenAsync(params (string Name, string Value)[] environment) => OpenAsync(ManyColumns, environment);

    /// <summary>Opens a terminal, and waits for pwsh's prompt. Skips the test where there is none to be had.</summary>
    /// <param name="columns">How wide it is.</param>
    /// <param name="environment">Variables to set.</param>
    public static async Task<Terminal> OpenAsync(int columns, params (string Name, string Value)[] environment)
    {
        var terminal = Make(columns);

        // The history of whoever runs the tests is neither read nor written; nor is anything on the screen that nobody typed.
        var (command, path) = PowerShellTool.PutOnPath(terminal.Location);
        await terminal.BeginAsync(
            [command, "-NoLogo", "-NoProfile", "-NoExit", "-Command", $"function prompt {{ '{Prompt} ' }}"],
            [("XDG_DATA_HOME", $"{terminal.Location.FullName}/data"), ("PATH", path), .. environment]);
        await terminal.WaitForPromptAsync();
        await terminal.StartAsync("Set-PSReadLineOption -PredictionSource None");
        await terminal.WaitForPromptAsync();
        return terminal;
    }

    /// <summary>Opens a terminal and starts a program in it, in an empty folder. Skips the test where there is none to be had.</summary>
    /// <param name="columns">How wide it is.</param>
    /// <param name="command">The program and its arguments.</param>
    public static async Task<Terminal> RunAsync(int columns, params string[] command)
    {
        var terminal = Make(columns);

        // tmux itself does not always learn how a program ended. Ctrl+C is for the program, and not for the shell around it.
        await terminal.BeginAsync(["sh", "-c", "trap : INT; \"$@\"; echo $? > \"$0\"", terminal._exitCode, .. command], []);
        return terminal;
    }

    /// <summary>Types text, as it is.</summary>
    public Task TypeAsync(string text) => TmuxAsync("send-keys", "-l", text);

    /// <summary>Presses a key, by tmux's name for it: Enter, Tab, C-c.</summary>
    public Task PressAsync(string key) => TmuxAsync("send-keys", key);

    /// <summary>Types a command on an empty screen, as soon as pwsh waits for one, and starts it.</summary>
    public async Task StartAsync(string command)
    {
        // What is typed before would stand on the screen all the same, and the prompt come after it.
        await WaitForPromptAsync();
        await PressAsync("C-l");
        await TypeAsync(command);

        // Or the prompt that is waited for next might be the one that this was typed at.
        await WaitForAsync(
            screen => WithoutSpace(screen).EndsWith(WithoutSpace(command), StringComparison.Ordinal), $"'{command}' at the prompt");
        await PressAsync("Enter");
    }

    /// <summary>Presses Tab until a text stands on the screen: where a server is busy, once is not enough.</summary>
    public Task<string> CompleteAsync(string text)
    {
        var pressedAt = 0L;
        return WaitForAsync(
            async screen =>
            {
                if (screen.Contains(text, StringComparison.Ordinal)) return true;
                if (pressedAt > 0 && TimeProvider.System.GetElapsedTime(pressedAt) < TimeSpan.FromSeconds(2)) return false;
                pressedAt = TimeProvider.System.GetTimestamp();
                await PressAsync("Tab");
                return false;
            },
            $"'{text}' on the screen");
    }

    /// <summary>Waits until a text stands on the screen, and returns the whole screen.</summary>
    public Task<string> WaitForAsync(string text) =>
        WaitForAsync(screen => screen.Contains(text, StringComparison.Ordinal), $"'{text}' on the screen");

    /// <summary>Waits until pwsh waits for a command, with nothing typed yet and nothing else on that line.</summary>
    public Task<string> WaitForPromptAsync() =>
        WaitForAsync(screen => screen.TrimEnd().Split('\n')[^1].Trim() == Prompt, "a whole prompt");

    /// <summary>Waits for a screen.</summary>
    public Task<string> WaitForAsync(Func<string, bool> isThere, string what) =>
        WaitForAsync(screen => Task.FromResult(isThere(screen)), what);

    /// <summary>Waits until the program has ended, and returns its exit code.</summary>
    public async Task<int> WaitForEndAsync()
    {
        var exitCode = 0;
        await WaitForAsync(
            _ => File.Exists(_exitCode) && int.TryParse(File.ReadAllText(_exitCode), CultureInfo.InvariantCulture, out exitCode),
            "an end");
        return exitCode;
    }

    /// <summary>All that was written so far, also what is no longer on the screen.</summary>
    public Task<string> HistoryAsync() => TmuxAsync("capture-pane", "-p", "-S", "-");

    /// <summary>The lines, of all that was written so far, that were too long for the terminal, so that it broke them.</summary>
    public async Task<IReadOnlyList<string>> BrokenLinesAsync() =>
        [.. (await TmuxAsync("capture-pane", "-p", "-J", "-S", "-")).Split('\n').Where(line => line.Length > _columns)];

    private async Task<string> WaitForAsync(Func<string, Task<bool>> isThere, string what)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var screen = await TmuxAsync("capture-pane", "-p");
            if (await isThere(screen)) return screen;
            Assert.True(TimeProvider.System.GetElapsedTime(started) < Patience, $"There should have been {what}, but there was:\n{screen}");
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>What stands on the screen, with the escape sequences of its colours.</summary>
    public Task<string> CaptureInColourAsync() => TmuxAsync("capture-pane", "-p", "-e");

    public async ValueTask DisposeAsync()
    {
        try
        {
            await TmuxAsync("kill-server");
        }
        finally
        {
            Location.Delete(recursive: true);
            File.Delete(_exitCode);
        }
    }

    private static Terminal Make(int columns)
    {
        Assert.SkipUnless(IsInstalled("tmux", "-V"), "This machine has no tmux, which plays the terminal: install the package 'tmux'.");
        return new Terminal(columns);
    }

    /// <summary>
    /// Starts tmux with a program in it, whose last screen stays when it ends. It ends by itself when whoever tests is gone.
    /// </summary>
    private async Task BeginAsync(string[] command, (string Name, string Value)[] environment)
    {
        await TmuxAsync(
        [
            "-f", "/dev/null", "start-server", ";", "set-option", "-g", "remain-on-exit", "on", ";",
            "new-session", "-d", "-x", $"{_columns}", "-y", $"{Rows}", "-c", Location.FullName,
            .. environment.SelectMany(variable => (string[])["-e", $"{variable.Name}={variable.Value}"]), .. command,
        ]);
        await TmuxAsync(
            "run-shell", "-b", $"while kill -0 {Environment.ProcessId} 2>/dev/null; do sleep 5; done; tmux -L {_server} kill-server");
    }

    /// <summary>A command that is longer than a line goes on in the next one.</summary>
    private static string WithoutSpace(string text) => string.Concat(text.Where(character => !char.IsWhiteSpace(character)));

    private static bool IsInstalled(string program, string argument)
    {
        try
        {
            var start = new ProcessStartInfo(program, [argument])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
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

    private async Task<string> TmuxAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("tmux", ["-L", _server, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };

        // A tmux that this test may run in is none of its business, nor is what that one does without.
        start.Environment.Remove("TMUX");
        start.Environment.Remove("NO_COLOR");
        start.Environment["LC_ALL"] = "C.UTF-8";
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"tmux {string.Join(' ', arguments)} failed: {await errors}");
        return output;
    }
}
