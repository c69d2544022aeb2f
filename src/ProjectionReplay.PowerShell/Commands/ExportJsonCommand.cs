using System.Management.Automation;
using ProjectionReplay.PowerShell.Json;

namespace ProjectionReplay.PowerShell;

/// <summary>
/// <c>Export-Json</c>: writes a pipeline to a file as it comes, as a JSON array or as JSON Lines. A pipeline that
/// fails or is stopped leaves valid JSON behind.
/// </summary>
[Cmdlet(VerbsData.Export, "Json", SupportsShouldProcess = true)]
[OutputType(typeof(PSObject))]
public sealed class ExportJsonCommand : PSCmdlet, IDisposable
{
    private JsonFile? _file;

    /// <summary>The file, taken literally: brackets and stars have no meaning. Relative to the current location.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [Alias("LiteralPath", "FilePath")]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    /// <summary>What to write; usually comes down the pipeline, an item at a time.</summary>
    [Parameter(Position = 1, ValueFromPipeline = true)]
    [AllowNull]
    public PSObject? InputObject { get; set; }

    /// <summary>Continues the file where it ends: in front of the array's closing bracket, or on a new line.</summary>
    [Parameter]
    public SwitchParameter Append { get; set; }

    /// <summary>Fails when the file is there already.</summary>
    [Parameter]
    public SwitchParameter NoClobber { get; set; }

    /// <summary>Writes to a read-only file too.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Levels of objects within an item that are written as such; what lies deeper becomes text.</summary>
    [Parameter]
    [ValidateRange(0, 100)]
    public int Depth { get; set; } = 4;

    /// <summary>Writes JSON Lines: one line for each item. Files named .jsonl or .ndjson always get those.</summary>
    [Parameter]
    public SwitchParameter JsonLines { get; set; }

    /// <summary>Leaves out line breaks and indentation.</summary>
    [Parameter]
    public SwitchParameter Compress { get; set; }

    /// <summary>Hands every item on down the pipeline.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    private JsonFormat Format =>
        JsonLines || System.IO.Path.GetExtension(Path).ToUpperInvariant() is ".JSONL" or ".NDJSON" ? JsonFormat.Lines
        : Compress ? JsonFormat.Compressed
        : JsonFormat.Indented;

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        // Opened before the first item, so that a file that cannot be written stops a long pipeline at its start.
        var path = ExportTarget.Resolve(this, Path);
        if (!ShouldProcess(path, Append ? Strings.ActionAppendJson : Strings.ActionExportJson)) return;
        _file = ExportTarget.Open(this, path, new(Format, Depth, Append, NoClobber, Force));
    }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        // Without a pipeline and without -InputObject there is nothing to write, not even a null.
        if (!MyInvocation.ExpectingInput && !MyInvocation.BoundParameters.ContainsKey(nameof(InputObject))) return;
        try
        {
            _file?.Write(InputObject);
        }
        catch (Exception exception) when (exception is not PipelineStoppedException)
        {
            if (exception is IOException) Fail(exception);
            WriteError(new ErrorRecord(exception, "ItemNotWritable", ErrorCategory.InvalidData, InputObject));
        }

        if (PassThru) WriteObject(InputObject);
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        try
        {
            Dispose();
        }
        catch (IOException exception)
        {
            Fail(exception);
        }
    }

    /// <summary>Closes the file. PowerShell calls this in any case, also when the pipeline fails or is stopped.</summary>
    public void Dispose()
    {
        var file = _file;
        _file = null;
        file?.Dispose();
    }

    private void Fail(Exception exception) =>
        ThrowTerminatingError(new ErrorRecord(exception, "WriteFailed", ErrorCategory.WriteError, Path));
}
