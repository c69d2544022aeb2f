using System.Net.Sockets;
using System.Security.Authentication;

namespace ProjectionReplay.Faults;

/// <summary>What the exceptions of a server's client mean: whether it is at fault, whether that may pass, and what to do.</summary>
/// <param name="server">The server, for messages.</param>
/// <param name="variable">The environment variable with its URL, for messages.</param>
/// <param name="unavailable">What a fault is called that has no name of its own.</param>
/// <remarks>The base knows what every client throws. Safe for concurrent use.</remarks>
internal abstract class FaultRules(string server, string variable, ReplayError unavailable)
{
    /// <summary>Whether the server, or the way there, is at fault. A call that was cancelled is ruled out before.</summary>
    public virtual bool IsFault(Exception exception) =>
        exception is IOException or SocketException or TimeoutException or OperationCanceledException;

    /// <summary>Whether a fault may pass by itself, so that the call is made again.</summary>
    public virtual bool IsTransient(Exception exception) => exception
        is IOException or SocketException or TimeoutException or OperationCanceledException;

    /// <summary>How often a call is made again that failed in a way that may be there to stay.</summary>
    public virtual int MostRetries(Exception exception) => int.MaxValue;

    /// <summary>Whether a fault is what the server itself answered, so that it is within reach.</summary>
    public abstract bool IsAnswer(Exception exception);

    /// <summary>What is wrong, for the person who has to see to it.</summary>
    public virtual FaultKind KindOf(Exception exception) => IsOfEncryption(exception) ? FaultKind.Encryption : FaultKind.Unreachable;

    /// <summary>Puts a fault into words for the operator: what was being done, what the server says, and what to do.</summary>
    /// <param name="operation">What was being done: "Reading events".</param>
    /// <param name="exception">The fault.</param>
    public virtual ReplayException Explain(string operation, Exception exception) => new(
        unavailable,
        $"{operation} failed: {FaultText.Describe(exception)} {AdviceFor(exception)} Then run the command again.",
        exception);

    /// <summary>What to do about a fault, as a sentence.</summary>
    public string AdviceFor(Exception exception) => FaultAdvice.Of(KindOf(exception), server, variable);

    /// <summary>Whether one exception says that one end speaks TLS and the other does not, or that a certificate was not taken.</summary>
    protected virtual bool SaysEncryption(Exception exception) => exception
        is AuthenticationException or HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError };

    private bool IsOfEncryption(Exception exception)
    {
        for (var cause = exception; cause is not null; cause = cause.InnerException)
        {
            if (SaysEncryption(cause)) return true;
        }

        return false;
    }
}
