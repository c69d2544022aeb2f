namespace ProjectionReplay.ClickHouse;

/// <summary>
/// The settings that a query goes by. A user's profile may have others, with which an answer ends early or rows go astray
/// without an error: those are pinned for each query. What is only about speed is asked for where the user may.
/// </summary>
internal static class QuerySettings
{
    /// <summary>
    /// Of each query, asked or not: a profile that has them leaves out rows of every answer, and a query that looks for them is
    /// told nothing of it.
    /// </summary>
    public static readonly IReadOnlyList<(string Name, string Value)> Always = [("limit", "0"), ("offset", "0")];

    /// <summary>Of each query, whatever a profile has: an answer is whole and of now, or an error.</summary>
    public static readonly IReadOnlyList<(string Name, string Value)> Reading =
    [
        // Where a limit is passed: throw, and not "break" or "any", which end the answer there.
        ("timeout_overflow_mode", "throw"),
        ("timeout_overflow_mode_leaf", "throw"),
        ("read_overflow_mode", "throw"),
        ("read_overflow_mode_leaf", "throw"),
        ("result_overflow_mode", "throw"),
        ("group_by_overflow_mode", "throw"),
        ("sort_overflow_mode", "throw"),
        ("distinct_overflow_mode", "throw"),
        ("set_overflow_mode", "throw"),
        ("join_overflow_mode", "throw"),
        ("transfer_overflow_mode", "throw"),

        // What leaves out rows of every answer.
        ("additional_table_filters", "{}"),
        ("additional_result_filter", ""),
        ("skip_unavailable_shards", "0"),
        ("ignore_cold_parts_seconds", "0"),
        ("prefer_warmed_unmerged_parts_seconds", "0"),
        ("apply_deleted_mask", "1"),

        // What answers with something else than the table holds now, or in another shape.
        ("use_query_cache", "0"),
        ("empty_result_for_aggregation_by_empty_set", "0"),
        ("aggregate_functions_null_for_empty", "0"),
        ("enable_parallel_replicas", "0"),
        ("send_progress_in_http_headers", "0"),
        ("extremes", "0"),

        // What takes rows of one key for different ones where they stand in different partitions.
        ("do_not_merge_across_partitions_select_final", "0"),
    ];

    /// <summary>Of each insert: its rows are stored when it is answered, or it is an error.</summary>
    public static readonly IReadOnlyList<(string Name, string Value)> Writing =
    [
        ("timeout_overflow_mode", "throw"),
        ("read_overflow_mode", "throw"),
        ("send_progress_in_http_headers", "0"),
        ("async_insert", "0"),
        ("insert_deduplicate", "0"),
        (KeepsAll, "disable"),
        ("deduplicate_insert_select", "disable"),
        ("distributed_foreground_insert", "1"),
        ("insert_distributed_sync", "1"),
        ("input_format_allow_errors_num", "0"),
        ("input_format_allow_errors_ratio", "0"),
        ("materialized_views_ignore_errors", "0"),
    ];

    /// <summary>Has the server keep blocks that it has had before, whatever the table is: of recent servers.</summary>
    public const string KeepsAll = "deduplicate_insert";

    /// <summary>
    /// Names an insert, for servers that do not know <see cref="KeepsAll"/>. A table that is not replicated may drop a block that
    /// it has had before, whatever the other settings say: not one of another name.
    /// </summary>
    public const string InsertName = "insert_deduplication_token";

    /// <summary>Has a table that several servers share answer with all that was written by now.</summary>
    public const string Latest = "select_sequential_consistency";

    /// <summary>How many partitions an insert may touch; 0 for any number.</summary>
    public const string MostPartitions = "max_partitions_per_insert_block";

    /// <summary>How many replicas have a row before an insert is answered. Only looked at: it is the operator's to choose.</summary>
    public const string Quorum = "insert_quorum";

    /// <summary>Asks for the values of the user's profile: name, value and 1 where the user may not change it.</summary>
    public static string ProfileSql { get; } = $"""
        SELECT name, value, toString(readonly)
        FROM system.settings
        WHERE name IN ({string.Join(", ", Reading.Concat(Writing).Select(setting => setting.Name)
            .Concat(["readonly", InsertName, Quorum, MostPartitions, Latest])
            .Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).Select(ClickHouseDatabase.Literal))})
        """;
}
