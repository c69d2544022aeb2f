using System.Globalization;
using Polly;
using Polly.Retry;

namespace ProjectionReplay.Faults;

/// <summary>
/// Calls one server: makes a call again whose fault may pass by itself, with backoff, and says so; turns what does not pass into
/// a <see cref="ReplayException"/>. Ports keep theirs to themselves: who calls a port need not know. Safe for concurrent use.
/// </summary>
internal sealed class Retries
{
    private readonly FaultRules _rules;
    private readonly ResiliencePipeline _pipeline;
    private volatile bool _hasRetried;

    /// <param name="rules">What the server's faults mean.</param>
    /// <param name="patience">How often calls are made again, and who is told.</param>
    public Retries(FaultRules rules, Patience patience)
    {
        _rules = rules;
        _pipeline = new ResiliencePipelineBuilder { TimeProvider = patience.TimeProvider }
            .AddRetry(new RetryStrategyOptions
            {
                // What ends it is the patience, which grows when a run begins.
                MaxRetryAttempts = int.MaxValue,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                Delay = TimeSpan.FromMilliseconds(250),
                MaxDelay = TimeSpan.FromSeconds(10),
                ShouldHandle = arguments => ValueTask.FromResult(
                    arguments.Outcome.Exception is { } exception
                    && !arguments.Context.CancellationToken.IsCancellationRequested
                    && rules.IsTransient(exception)
                    && arguments.AttemptNumber < Math.Min(patience.MostRetries, rules.MostRetries(exception))),
                OnRetry = arguments =>
                {
                    _hasRetried = true;
                    return patience.TellAsync(
                        string.Create(
                            CultureInfo.InvariantCulture,
                            $"{arguments.Context.OperationKey}: {FaultText.Describe(arguments.Outcome.Exception!)} "
                                + $"Trying again in {arguments.RetryDelay.TotalSeconds:0.0} s "
                                + $"({arguments.AttemptNumber + 1} of {patience.MostRetries})."),
                        arguments.Context.CancellationToken);
                },
            })
            .Build();
    }

    /// <summary>Whether any call was made again, so that an earlier one may still be under way.</summary>
    public bool HasRetried => _hasRetried;

    /// <summary>Calls the server.</summary>
    /// <param name="operation">What is being done, for messages: "Reading events".</param>
    /// <param name="call">The call, which may be made several times, even when an earlier one took effect unnoticed.</param>
    /// <param name="cancellationToken">Abandons call and retries.</param>
    /// <exception cref="ReplayException">The call failed for good.</exception>
    public async Task<T> CallAsync<T>(string operation, Func<CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        var context = ResilienceContextPool.Shared.Get(operation, cancellationToken);
        try
        {
            return await _pipeline.ExecuteAsync(
                static async (context, call) => await call(context.CancellationToken).ConfigureAwait(false),
                context,
                call).ConfigureAwait(false);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested && _rules.IsFault(exception))
        {
            throw _rules.Explain(operation, exception);
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    /// <inheritdoc cref="CallAsync{T}"/>
    public Task CallAsync(string operation, Func<CancellationToken, Task> call, CancellationToken cancellationToken) => CallAsync(
        operation,
        async token =>
        {
            await call(token).ConfigureAwait(false);
            return true;
        },
        cancellationToken);
}

/// <summary>How often the calls of a run are made again, and who is told of it. Safe for concurrent use.</summary>
/// <param name="tell">Told of each call that is made again, in a sentence.</param>
/// <param name="timeProvider">The clock that backoff goes by.</param>
/// <param name="mostRetries">Retries before giving up.</param>
internal sealed class Patience(Func<string, CancellationToken, ValueTask> tell, TimeProvider timeProvider, int mostRetries)
{
    private volatile int _mostRetries = mostRetries;

    /// <summary>Calls are made once, and nobody is told of anything.</summary>
    public static Patience None { get; } = new(static (_, _) => ValueTask.CompletedTask, TimeProvider.System, mostRetries: 0);

    /// <summary>
    /// Retries before giving up. A server that is misnamed should be told of soon; a run that has begun has more patience.
    /// </summary>
    public int MostRetries
    {
        get => _mostRetries;
        set => _mostRetries = value;
    }

    /// <summary>The clock.</summary>
    public TimeProvider TimeProvider => timeProvider;

    /// <summary>Tells of a call that is made again.</summary>
    public ValueTask TellAsync(string sentence, CancellationToken cancellationToken) => tell(sentence, cancellationToken);
}
