namespace ProjectionReplay.Sandbox.ClickHouse;

/// <summary>An error reported by the embedded ClickHouse engine, with the text a server would send.</summary>
public sealed class ChdbException : Exception
{
    /// <summary>Creates the exception from the engine's text.</summary>
    public ChdbException(string message) : base(message) { }

    /// <summary>Creates the exception from the engine's text and its cause.</summary>
    public ChdbException(string message, Exception innerException) : base(message, innerException) { }

    /// <summary>Creates an exception without text.</summary>
    public ChdbException() { }
}
