namespace ProjectionReplay.Sandbox;

/// <summary>The sandbox cannot start or go on; the message tells a person what to do.</summary>
public sealed class SandboxException : Exception
{
    /// <summary>Creates the exception.</summary>
    public SandboxException(string message) : base(message) { }

    /// <summary>Creates the exception with its cause.</summary>
    public SandboxException(string message, Exception innerException) : base(message, innerException) { }

    /// <summary>Creates an exception without text.</summary>
    public SandboxException() { }
}
