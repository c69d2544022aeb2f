using System.Text;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using ClickHouse.Driver.ADO;
using Npgsql;
using ProjectionReplay.ClickHouse;
using ProjectionReplay.Events;
using ProjectionReplay.Folding;
using ProjectionReplay.Projections;
using ProjectionReplay.Projections.EvaluationState;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Bench;

/// <summary>The loops that every event or every state passes through, each by itself: times are of one of them.</summary>
[MemoryDiagnoser]
public class InnerLoops : IDisposable
{
    private const int Count = 1_000;
    private const string Tenant = "project_bench";

    private static readonly PayloadFields Fields = new();
    private static readonly PayloadField Status = Fields.Add("status");
    private static readonly PayloadField Score = Fields.Add("score");

    private static readonly string[] Types = ["lw.evaluation.scheduled", "lw.evaluation.started", "lw.evaluation.completed"];

    private readonly ClickHouseDatabase _nowhere = new(new ClickHouseClientSettings());
    private readonly NpgsqlDataSource _nowhereElse = NpgsqlDataSource.Create("Host=nowhere");
    private readonly byte[][] _payloads = [.. Types.Select((_, step) => Encoding.UTF8.GetBytes(Payload(step)))];
    private readonly byte[] _eventId = "1767225600000:project_bench:eval_0001:evaluation:0007n8Mg2EohXDbFPMAKMSEwspL"u8.ToArray();
    private readonly Evaluation _evaluation = new()
    {
        EvaluationId = "eval_0001",
        EvaluatorId = "evaluator_7",
        EvaluatorType = "llm_judge",
        EvaluatorName = "Answer relevancy",
        TraceId = "trace_0123456789abcdef",
        Status = "processed",
        Score = 0.25,
        Details = "The answer keeps to what was asked.",
        ScheduledAt = 1_767_225_600_000,
    };

    private IProjectionRun _run = null!;
    private byte[] _rows = [];

    /// <summary>Runs the benchmarks, in this process: a part of a loop needs no other.</summary>
    public static void Run(string[] arguments) => BenchmarkSwitcher.FromTypes([typeof(InnerLoops)]).Run(
        arguments.Length > 0 ? arguments : ["--filter", "*"],
        DefaultConfig.Instance.AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance)));

    [GlobalSetup]
    public void Prepare()
    {
        var projection = ProjectionCatalog.BuiltIn.Get("evaluationState").Projection;
        _run = projection.Accept(new RunOpener(new StoreConnections(() => _nowhere, () => _nowhereElse)));
        using var rows = new RowBinaryWriter();
        for (var i = 0; i < Count; i++)
        {
            rows.WriteString("eval_0001");
            rows.WriteString(Encoding.UTF8.GetString(_eventId));
            rows.WriteString(Types[i % 3]);
            rows.WriteUInt64(1_767_225_600_000);
            rows.WriteString(Payload(i % 3));
        }

        using var written = new MemoryStream();
        rows.WriteToAsync(written, CancellationToken.None).GetAwaiter().GetResult();
        _rows = written.ToArray();
    }

    /// <inheritdoc/>
    [GlobalCleanup]
    public void Dispose()
    {
        GC.SuppressFinalize(this);
        _nowhere.Dispose();
        _nowhereElse.Dispose();
    }

    /// <summary>A row of the event log, from RowBinary into spans.</summary>
    [Benchmark(OperationsPerInvoke = Count)]
    public ulong ReadRow()
    {
        var cursor = new RowBinaryCursor(_rows);
        ulong sum = 0;
        while (cursor.TryReadString(out var id) && cursor.TryReadString(out _) && cursor.TryReadString(out _)
            && cursor.TryReadUInt64(out var timestamp) && cursor.TryReadString(out _))
        {
            sum += timestamp + (ulong)id.Length;
        }

        return sum;
    }

    /// <summary>The payload of an event: found, and two fields decoded.</summary>
    [Benchmark]
    public int ReadPayload()
    {
        var payload = Fields.Read(Event(2));
        return payload.RequiredText(Status).Length + (int)payload.Number(Score)!.Value;
    }

    /// <summary>An event, folded; every third one ends its aggregate, whose state becomes a row.</summary>
    [Benchmark(OperationsPerInvoke = Count)]
    public void FoldEvent()
    {
        using var fold = _run.StartFold();
        for (var i = 0; i < Count; i++)
        {
            fold.Apply(Event(i % 3));
            if (i % 3 == 2) fold.EndAggregate(_eventId);
        }
    }

    /// <summary>The id of a row.</summary>
    [Benchmark]
    public string MakeKsuid() => Ksuid.Create("evalstate", 1_767_225_600_000, "project_bench", "eval_0001");

    /// <summary>A state of nineteen columns, as a row.</summary>
    [Benchmark(OperationsPerInvoke = Count)]
    public long WriteRow()
    {
        using var rows = new RowBinaryWriter();
        var state = new ProjectedState<Evaluation>(new AggregateKey(Tenant, "evaluation", "eval_0001"), "eval_0001", _evaluation);
        for (var i = 0; i < Count; i++)
        {
            foreach (var column in EvaluationStateTable.Rows.Columns) column.Write(state, rows);
        }

        return rows.WrittenCount;
    }

    private static string Payload(int step)
    {
        var lines = step switch
        {
            0 => """
                {"evaluationId":"eval_0001","evaluatorId":"evaluator_7","evaluatorType":"llm_judge",
                "evaluatorName":"Answer relevancy","traceId":"trace_0123456789abcdef","isGuardrail":false,
                "metadata":{"source":"sdk","version":"1.4.2","host":"worker-17"}}
                """,
            1 => """
                {"evaluationId":"eval_0001","evaluatorId":"evaluator_7","evaluatorType":"llm_judge",
                "startedBy":"worker-17","attempt":1,
                "metadata":{"source":"sdk","version":"1.4.2","host":"worker-17","region":"eu-central-1","queue":"evaluations"}}
                """,
            _ => """
                {"evaluationId":"eval_0001","status":"processed","score":0.25,"passed":true,"label":"good",
                "details":"The answer keeps to what was asked, and says so in one sentence.",
                "costs":{"amount":0.00042,"currency":"USD"},"durationMs":1234}
                """,
        };
        return lines.ReplaceLineEndings("");
    }

    private ReplayEvent Event(int step) => new()
    {
        Aggregate = new AggregateKey(Tenant, "evaluation", "eval_0001"),
        EventIdUtf8 = _eventId,
        EventType = Types[step],
        Timestamp = 1_767_225_600_000 + step,
        OccurredAt = 1_767_225_600_000 + step,
        Payload = _payloads[step],
    };
}
