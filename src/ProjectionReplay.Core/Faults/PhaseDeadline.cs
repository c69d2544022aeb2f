using System.Globalization;

namespace ProjectionReplay.Faults;

/// <summary>Sees to it that nothing takes for ever while aggregates are marked, whatever servers do.</summary>
internal static class PhaseDeadline
{
    /// <summary>Does some work, or fails when it takes too long.</summary>
    /// <param name="what">The work, for the message.</param>
    /// <param name="deadline">How long it may take, by the system's clock: it is no wait that a test has shortened.</param>
    /// <param name="work">The work.</param>
    /// <param name="cancellationToken">Abandons it.</param>
    /// <exception cref="ReplayException"><see cref="ReplayError.PhaseTooSlow"/>.</exception>
    public static async Task<T> KeepAsync<T>(
        string what, TimeSpan deadline, Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        using var clock = new CancellationTokenSource(deadline);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(clock.Token, cancellationToken);
        try
        {
            return await work(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException exception) when (clock.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new ReplayException(
                ReplayError.PhaseTooSlow,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{what} took longer than {deadline.TotalMinutes:0.#} min: a server is up, but does not answer, or slowly. "
                        + $"Live events wait meanwhile, so it was given up."),
                exception);
        }
    }
}
