using System.Threading.Channels;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Configuration;
using ProjectionReplay.Faults;
using ProjectionReplay.Postgres;
using ProjectionReplay.Redis;

namespace ProjectionReplay.Diagnosis;

/// <summary>
/// The checks of one server, as they are made. A server that does not answer is given up soon, and its other checks with
/// it. Not thread-safe.
/// </summary>
internal sealed class CheckReport(string server, TimeProvider timeProvider)
{
    // Whose client throws is not known here.
    private static readonly FaultRules[] s_rules = [ClickHouseFaults.Rules, RedisFaults.Rules, PostgresFaults.Rules];

    private readonly Channel<ConnectionCheck> _checks = Channel.CreateUnbounded<ConnectionCheck>(new() { SingleReader = true });

    /// <summary>How long a server may take for one answer.</summary>
    public static TimeSpan Patience { get; } = TimeSpan.FromSeconds(5);

    /// <summary>The clock.</summary>
    public TimeProvider TimeProvider => timeProvider;

    /// <summary>The checks as they come; ends with the last.</summary>
    public IAsyncEnumerable<ConnectionCheck> ReadAllAsync(CancellationToken cancellationToken) =>
        _checks.Reader.ReadAllAsync(cancellationToken);

    /// <summary>Makes the checks, and ends the report.</summary>
    public async Task RunAsync(Func<CancellationToken, Task> checks, CancellationToken cancellationToken)
    {
        try
        {
            await checks(cancellationToken).ConfigureAwait(false);
        }
        catch (ServerLostException)
        {
            Add("Rest", "", CheckResult.NotChecked, $"The rest was not checked, as {server} does not answer.", "Try again when it does.");
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            // The clients' own, as of settings that they cannot take: the other servers are to be checked all the same.
            Add(
                "Rest",
                "",
                CheckResult.Failed,
                $"The checks ended with {exception.GetType().Name}: {FaultText.Describe(exception)}",
                "Check the connection URL and what it asks for.");
        }
        finally
        {
            _checks.Writer.Complete();
        }
    }

    public void Add(string check, string subject, CheckResult result, string detail, string advice = "") =>
        _checks.Writer.TryWrite(new ConnectionCheck(server, check, subject, result.ToString(), detail, advice));

    public void Add(string subject, CheckFinding finding) =>
        Add(finding.Check, subject, finding.Result, finding.Detail, finding.Advice);

    /// <summary>Reads a server's URL, and says which it is.</summary>
    /// <returns>False when there is none, or it cannot be read.</returns>
    public bool TryResolve<TSettings>(
        Func<ConnectionUrl> find, Func<ConnectionUrl, (TSettings Settings, string Redacted)> read, out TSettings settings)
    {
        try
        {
            var url = find();
            (settings, var redacted) = read(url);
            Add("Url", "", CheckResult.Passed, $"{redacted}, from {url.Source}.");
            return true;
        }
        catch (ReplayException exception)
        {
            Add("Url", "", exception);
            settings = default!;
            return false;
        }
    }

    /// <summary>Makes one check, or several that hang together.</summary>
    /// <param name="check">The check that has failed when the server's answer is an error.</param>
    /// <param name="subject">What it is about.</param>
    /// <param name="look">Looks, and adds what it found.</param>
    /// <param name="advice">What to do when the server's answer is an error.</param>
    /// <param name="cancellationToken">Abandons the check.</param>
    /// <param name="otherwise">What it came to when the server's answer is an error.</param>
    /// <returns>False when the answer was an error.</returns>
    /// <exception cref="ServerLostException">There was no answer. That is told.</exception>
    public async Task<bool> TryAsync(
        string check,
        string subject,
        Func<CancellationToken, Task> look,
        string advice,
        CancellationToken cancellationToken,
        CheckResult otherwise = CheckResult.Failed)
    {
        using var patience = new CancellationTokenSource(Patience, timeProvider);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        try
        {
            // Not every client looks at the token while it waits.
            await look(stop.Token).WaitAsync(stop.Token).ConfigureAwait(false);
            return true;
        }
        catch (ReplayException exception)
        {
            Add(check, subject, exception);
            return false;
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested && s_rules.Any(rules => rules.IsFault(exception)))
        {
            if (patience.IsCancellationRequested)
            {
                Add(check, subject, CheckResult.Failed, $"There was no answer for {Patience.TotalSeconds:0} s.", advice);
                throw new ServerLostException();
            }

            var isAnswer = s_rules.Any(rules => rules.IsAnswer(exception));
            Add(check, subject, isAnswer ? otherwise : CheckResult.Failed, FaultText.Describe(exception), advice);
            return isAnswer ? false : throw new ServerLostException();
        }
        catch (Exception exception) when (exception is not OperationCanceledException and not ServerLostException)
        {
            // The client's own. One check is spoiled by it, and no more.
            Add(check, subject, otherwise, $"{exception.GetType().Name}: {FaultText.Describe(exception)}", advice);
            return false;
        }
    }

    /// <summary>Tells of a failure whose message is what happened, then what to do.</summary>
    private void Add(string check, string subject, ReplayException exception)
    {
        var end = exception.Message.IndexOf(". ", StringComparison.Ordinal) + 1;
        var detail = end == 0 ? exception.Message : exception.Message[..end];
        Add(check, subject, CheckResult.Failed, detail, end == 0 ? "" : exception.Message[(end + 1)..]);
    }
}

/// <summary>What a rule makes of what a server told, before it is known what it is about. Immutable.</summary>
/// <param name="Check">What was looked at.</param>
/// <param name="Result">What it came to.</param>
/// <param name="Detail">What was found, as a sentence.</param>
/// <param name="Advice">What to do about it; empty when there is nothing to do.</param>
internal sealed record CheckFinding(string Check, CheckResult Result, string Detail, string Advice = "");

/// <summary>A server does not answer any more: nothing else need be asked of it. Never leaves the diagnosis.</summary>
internal sealed class ServerLostException : Exception;
