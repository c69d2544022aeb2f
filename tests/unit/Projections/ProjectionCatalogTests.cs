using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.Loader;
using ProjectionReplay.Events;
using ProjectionReplay.Faults;
using ProjectionReplay.Stores;

namespace ProjectionReplay.Projections;

public sealed class ProjectionCatalogTests
{
    private static readonly string SamplePath =
        Path.Combine(AppContext.BaseDirectory, "sample-projections", "SampleProjections.dll");

    private static readonly ProjectionDefinition Good = new()
    {
        Name = "good",
        Pipeline = "sample",
        EventTypes = ["sample.happened"],
        Version = "2026-01-31",
        Store = ProjectionStoreKind.ClickHouse,
        Table = "samples",
        ReplaySafety = ReplaySafety.LatestRow,
    };

    public static TheoryData<ProjectionDefinition, string> BadDefinitions => new()
    {
        { null!, "Definition is null" },
        { Good with { Name = "" }, "Name must be made of" },
        { Good with { Name = "with space" }, "Name must be made of" },
        { Good with { Name = "star*" }, "Name must be made of" },
        { Good with { Pipeline = "{x}" }, "Pipeline must be made of" },
        { Good with { Version = " " }, "no Version" },
        { Good with { Table = "" }, "no Table" },
        { Good with { EventTypes = [] }, "no EventTypes" },
        { Good with { EventTypes = null! }, "no EventTypes" },
        { Good with { EventTypes = ["a", ""] }, "EventTypes is empty or stands twice" },
        { Good with { EventTypes = ["a", "a"] }, "EventTypes is empty or stands twice" },
        { Good with { AggregateTypes = ["a", "a"] }, "AggregateTypes is empty or stands twice" },
    };

    [Fact]
    public void The_built_in_projections_are_listed_by_name() =>
        Assert.Equal(
            [
                "evaluationState", "experimentRunState", "projectDailyBillableEvents", "projectDailySdkUsage",
                "tenantDailyBillableEvents", "tenantDailyEventStats", "traceSummary",
            ],
            ProjectionCatalog.BuiltIn.Entries.Select(entry => entry.Name));

    [Theory]
    [InlineData("evaluationState", "{evaluation_processing/projection/evaluationState}", "evaluation_states", "2025-01-14")]
    [InlineData("experimentRunState", "{experiment_run_processing/projection/experimentRunState}", "experiment_runs", "2025-02-01")]
    [InlineData(
        "tenantDailyBillableEvents",
        "{global_projections/projection/tenantDailyBillableEvents}",
        "TenantDailyBillableEvents",
        "2026-02-17")]
    [InlineData(
        "projectDailyBillableEvents",
        "{global_projections/projection/projectDailyBillableEvents}",
        "ProjectDailyBillableEvents",
        "2026-02-17")]
    [InlineData("tenantDailyEventStats", "{global_projections/projection/tenantDailyEventStats}", "TenantDailyEventStats", "2026-02-16")]
    [InlineData("projectDailySdkUsage", "{global_projections/projection/projectDailySdkUsage}", "ProjectDailySdkUsage", "2026-02-16")]
    [InlineData("traceSummary", "{trace_processing/projection/traceSummary}", "trace_summaries", "2025-12-16")]
    public void A_built_in_projection_is_defined_as_specified(string name, string queue, string table, string version)
    {
        var entry = ProjectionCatalog.BuiltIn.Get(name);
        Assert.Equal("built-in", entry.Source);
        Assert.Equal((queue, table, version), (entry.Definition.QueueName, entry.Definition.Table, entry.Definition.Version));
    }

    [Fact]
    public void Billable_events_are_counted_without_their_payload() =>
        Assert.Equal(EventColumns.None, ProjectionCatalog.BuiltIn.Get("tenantDailyBillableEvents").Definition.Columns);

    [Theory]
    [InlineData("evaluationStates", "Did you mean 'evaluationState'?")]
    [InlineData("EVALUATIONSTATE", "Did you mean 'evaluationState'?")]
    [InlineData("experimentState", "Did you mean 'experimentRunState'?")]
    public void An_unknown_name_is_answered_with_the_nearest(string name, string suggestion)
    {
        var exception = Assert.Throws<ReplayException>(() => ProjectionCatalog.BuiltIn.Get(name));
        Assert.Equal(ReplayError.ProjectionNotFound, exception.Error);
        Assert.Contains(suggestion, exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("*")]
    [InlineData("")]
    [InlineData("orders")]
    public void An_unknown_name_is_answered_with_the_names_there_are(string name)
    {
        var exception = Assert.Throws<ReplayException>(() => ProjectionCatalog.BuiltIn.Get(name));
        Assert.Equal(ReplayError.ProjectionNotFound, exception.Error);
        Assert.DoesNotContain("Did you mean", exception.Message, StringComparison.Ordinal);
        Assert.All(ProjectionCatalog.BuiltIn.Entries, entry => Assert.Contains(entry.Name, exception.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void Projections_of_an_assembly_join_the_built_in_ones()
    {
        var catalog = ProjectionCatalog.Load([SamplePath, SamplePath]);
        var entry = catalog.Get("sampleEventCount");
        Assert.Equal(SamplePath, entry.Source);
        Assert.Equal(ProjectionCatalog.BuiltIn.Entries.Count + 1, catalog.Entries.Count);
        Assert.Same(
            AssemblyLoadContext.GetLoadContext(typeof(ProjectionCatalog).Assembly),
            AssemblyLoadContext.GetLoadContext(entry.Projection.GetType().Assembly));
    }

    [Fact]
    public void A_relative_path_starts_at_the_current_directory()
    {
        var relative = Path.GetRelativePath(Environment.CurrentDirectory, SamplePath);
        Assert.Equal(SamplePath, ProjectionCatalog.Load([relative]).Get("sampleEventCount").Source);
    }

    [Theory]
    [InlineData("", "not a path")]
    [InlineData("no/such/file.dll", "does not exist")]
    [InlineData("golden/events.jsonl", "not a .NET assembly")]
    [InlineData("CsCheck.dll", "holds no projection")]
    public void A_file_without_projections_is_refused(string path, string problem)
    {
        var exception = Assert.Throws<ReplayException>(
            () => ProjectionCatalog.Load([path.Length == 0 ? path : Path.Combine(AppContext.BaseDirectory, path)]));
        Assert.Equal(ReplayError.ProjectionAssemblyInvalid, exception.Error);
        Assert.Contains(problem, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_build_of_an_assembly_already_loaded_is_refused()
    {
        ProjectionCatalog.Load([SamplePath]);
        var folder = Directory.CreateTempSubdirectory("projection-replay-");
        try
        {
            var rebuilt = Path.Combine(folder.FullName, "SampleProjections.dll");
            var builder = new PersistedAssemblyBuilder(new AssemblyName("SampleProjections"), typeof(object).Assembly);
            builder.DefineDynamicModule("SampleProjections");
            builder.Save(rebuilt);

            var exception = Assert.Throws<ReplayException>(() => ProjectionCatalog.Load([rebuilt]));
            Assert.Equal(ReplayError.ProjectionAssemblyInvalid, exception.Error);
            Assert.Contains("start a new session", exception.Message, StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Theory]
    [MemberData(nameof(BadDefinitions), DisableDiscoveryEnumeration = true)]
    public void A_definition_that_breaks_a_rule_is_refused(ProjectionDefinition definition, string problem) =>
        AssertRefused(new DefinedProjection(definition), problem);

    [Theory]
    [InlineData("evaluationState")]
    [InlineData("EvaluationState")]
    public void A_name_that_is_taken_is_refused(string name) =>
        AssertRefused(new DefinedProjection(Good with { Name = name }), "has the name of projection 'evaluationState' of built-in");

    [Fact]
    public void Two_projections_of_one_name_are_refused()
    {
        var twice = Enumerable.Repeat(new CatalogEntry(new DefinedProjection(Good), "a.dll"), 2);
        var exception = Assert.Throws<ReplayException>(() => ProjectionCatalog.With(twice));
        Assert.Equal(ReplayError.ProjectionAssemblyInvalid, exception.Error);
    }

    [Fact]
    public void A_key_of_its_own_needs_an_increment_store()
    {
        AssertRefused(new KeyedProjection(Good), "overrides GetKey");
        var keyed = new KeyedProjection(Good with { ReplaySafety = ReplaySafety.Increment });
        Assert.Same(keyed, ProjectionCatalog.With([new CatalogEntry(keyed, "a.dll")]).Get("good").Projection);
    }

    private static void AssertRefused(IFoldProjection projection, string problem)
    {
        var exception = Assert.Throws<ReplayException>(() => ProjectionCatalog.With([new CatalogEntry(projection, "a.dll")]));
        Assert.Equal(ReplayError.ProjectionAssemblyInvalid, exception.Error);
        Assert.Contains(problem, exception.Message, StringComparison.Ordinal);
        Assert.Contains("a.dll", exception.Message, StringComparison.Ordinal);
    }

    private class DefinedProjection(ProjectionDefinition definition) : FoldProjection<object>
    {
        public override ProjectionDefinition Definition => definition;

        public override object CreateState(in ReplayEvent first) => new();

        public override object Apply(object state, in ReplayEvent replayEvent) => state;

        public override IProjectionStore<object> CreateStore(StoreConnections connections) => throw new NotSupportedException();
    }

    private sealed class KeyedProjection(ProjectionDefinition definition) : DefinedProjection(definition)
    {
        public override string GetKey(in ReplayEvent replayEvent) => "key";
    }
}
