# What operators come to do, each from its beginning to its end.

BeforeAll {
    $manifest = & (Join-Path $PSScriptRoot 'Manifest.ps1')
    Import-Module $manifest -Force
    . (Join-Path $PSScriptRoot 'Sandbox.ps1')
    $sandbox = Start-Sandbox -Seed 3000
    $env:CLICKHOUSE_URL = $sandbox.CLICKHOUSE_URL
    $env:REDIS_URL = $sandbox.REDIS_URL
    $env:DATABASE_URL = $sandbox.DATABASE_URL

    $tenant = 'project_demo1'
    $since = '2026-01-01'

    # Asks ClickHouse, and returns its answer as text.
    function Send-ClickHouse([string] $Sql) {
        $url = [uri] $sandbox.CLICKHOUSE_URL
        "$(Invoke-RestMethod "http://$($url.Authority)/?database=$($url.AbsolutePath.Trim('/'))" -Method Post -Body $Sql)".Trim()
    }

    function Get-StoredCount([string] $Tenant) {
        [long] (Send-ClickHouse "SELECT count() FROM evaluation_states FINAL WHERE TenantId = '$Tenant'")
    }

    # Runs a replay in a pwsh of its own until it has completed something and marked more, and kills it.
    function Stop-ReplayHalfWay([string] $Tenant) {
        $last = Send-ClickHouse "SELECT max(AggregateId) FROM event_log WHERE TenantId = '$Tenant' AND AggregateType = 'evaluation'"
        $active = "{evaluation_processing/projection/evaluationState}:gq:group:${Tenant}:evaluation:${last}:active"
        $null = Send-Redis $sandbox SET, $active, 'job-1'
        $command = "Import-Module '$manifest'; " +
            "Invoke-ProjectionReplay evaluationState $Tenant $since -AggregateBatchSize 10 -DrainTimeout 300"
        $arguments = '-NoProfile', '-NonInteractive', '-Command', "`"$command`""
        $output = Join-Path $TestDrive 'killed.txt'
        $child = Start-Process pwsh -ArgumentList $arguments -PassThru -RedirectStandardOutput $output
        try {
            $patience = [System.Diagnostics.Stopwatch]::StartNew()
            do {
                Start-Sleep -Milliseconds 50
                $child.HasExited | Should -BeFalse -Because 'it waits for a live job that does not end'
                $patience.Elapsed.TotalSeconds | Should -BeLessThan 60 -Because 'by then it should have come to the batch that waits'
            } until ((Send-Redis $sandbox HLEN, 'projection-replay:cutoff:evaluationState') -match '^:([1-9]|10)$' -and
                (Send-Redis $sandbox SCARD, 'projection-replay:completed:evaluationState') -ne ':0')
        }
        finally {
            $child.Kill($true)
            $child.WaitForExit()
            $null = Send-Redis $sandbox DEL, $active
        }
    }
}

AfterAll {
    Remove-Item Env:CLICKHOUSE_URL, Env:REDIS_URL, Env:DATABASE_URL -ErrorAction Ignore
    if ($sandbox) { Stop-Sandbox $sandbox }
}

Describe 'An operator' {
    BeforeEach {
        Push-Location (New-Item -ItemType Directory (Join-Path $TestDrive ([guid]::NewGuid())))
    }

    AfterEach {
        Pop-Location
    }

    It 'backfills a new projection' {
        # What is there to replay?
        (Get-ReplayProjection eval*).Table | Should -Be 'evaluation_states'
        $plan = Invoke-ProjectionReplay evaluationState $tenant $since -WhatIf
        $plan.AggregateCount | Should -BeGreaterThan 10
        Get-StoredCount $tenant | Should -Be 0

        # Do it, and look.
        $entries = Invoke-ProjectionReplay evaluationState $tenant $since
        $entries[-1].AggregatesReplayed | Should -Be $plan.AggregateCount
        $entries[-1].TotalEvents | Should -Be $plan.EventCount
        Get-StoredCount $tenant | Should -Be $plan.AggregateCount

        # The log tells the same, and nothing is left behind.
        (Get-Content $entries[-1].LogPath | ConvertFrom-Json)[-1].aggregatesReplayed | Should -Be $plan.AggregateCount
        $again = Invoke-ProjectionReplay evaluationState $tenant $since -WhatIf
        $again.PreviousCompletedCount, $again.StaleMarkerCount | Should -Be 0, 0
    }

    It 'goes on with a replay that was killed' {
        Stop-ReplayHalfWay project_demo2
        $plan = Invoke-ProjectionReplay evaluationState project_demo2 $since -WhatIf
        $plan.PreviousCompletedCount | Should -BeGreaterThan 0
        $plan.StaleMarkerCount | Should -BeGreaterThan 0

        # Nobody decides for the operator.
        { Invoke-ProjectionReplay evaluationState project_demo2 $since } | Should -Throw '*-Resume*-Restart*' -ErrorId 'PreviousRunFound,*'

        $last = (Invoke-ProjectionReplay evaluationState project_demo2 $since -Resume -Verbose 4>verbose.txt)[-1]
        $last.AggregatesReplayed | Should -Be ($plan.AggregateCount - $plan.PreviousCompletedCount)
        Get-StoredCount project_demo2 | Should -Be $plan.AggregateCount
        Get-Content verbose.txt -Raw | Should -Match "Removed $($plan.StaleMarkerCount) markers of an interrupted run"
        $marked, $completed = 'projection-replay:cutoff:evaluationState', 'projection-replay:completed:evaluationState'
        Send-Redis $sandbox EXISTS, $marked, $completed | Should -Be ':0'
    }

    It 'clears the markers of a replay that nobody goes on with' {
        Stop-ReplayHalfWay project_demo3
        $before = Invoke-ProjectionReplay evaluationState project_demo3 $since -WhatIf

        $removal = Clear-ReplayMarker evaluationState project_demo3 -Confirm:$false

        $removal.MarkersRemoved | Should -Be $before.StaleMarkerCount
        $removal.CompletedRemoved | Should -Be $before.PreviousCompletedCount
        $after = Invoke-ProjectionReplay evaluationState project_demo3 $since -WhatIf
        $after.PreviousCompletedCount, $after.StaleMarkerCount | Should -Be 0, 0
        Clear-ReplayMarker evaluationState project_demo3 -Confirm:$false | Should -BeNullOrEmpty
    }

    It 'plans in a pipeline, keeps the plan, and runs what is worth it' {
        Get-ReplayProjection tenant*, experiment* |
            Invoke-ProjectionReplay -TenantId $tenant -Since $since -WhatIf |
            Where-Object EventCount -GT 0 |
            Sort-Object EventCount |
            Export-Json plan.json
        $plan = Get-Content plan.json -Raw | ConvertFrom-Json
        $plan.Projection | Should -Contain 'experimentRunState'
        $plan.Projection | Should -Contain 'tenantDailyBillableEvents'
        Get-ChildItem *.jsonl | Should -BeNullOrEmpty

        $done = $plan | Invoke-ProjectionReplay | Where-Object Step -EQ complete
        $done.Projection | Should -Be $plan.Projection
        $done.AggregatesReplayed | Should -Be $plan.AggregateCount
    }

    It 'has it done every night, and is told by the exit code' {
        Set-Content nightly.ps1 @"
`$ErrorActionPreference = 'Stop'
Import-Module '$manifest'
Invoke-ProjectionReplay evaluationState, tenantDailyEventStats $tenant ([datetime]::UtcNow.AddYears(-1)) -Resume |
    Where-Object Step -in error, complete
"@
        $night = pwsh -NoProfile -NonInteractive -File nightly.ps1 2>&1 | Out-String
        $LASTEXITCODE | Should -Be 0
        [regex]::Matches($night, 'complete').Count | Should -Be 2

        # ClickHouse is away, and the next night there is a row that nobody can read.
        $env:CLICKHOUSE_URL = 'http://127.0.0.1:1/langwatch'
        try {
            $night = pwsh -NoProfile -NonInteractive -File nightly.ps1 2>&1 | Out-String
        }
        finally {
            $env:CLICKHOUSE_URL = $sandbox.CLICKHOUSE_URL
        }
        $LASTEXITCODE | Should -Be 1
        $night | Should -Match 'CLICKHOUSE_URL'

        $now = [DateTimeOffset]::UtcNow.ToUnixTimeMilliseconds()
        Send-ClickHouse ('INSERT INTO event_log (TenantId, IdempotencyKey, AggregateType, AggregateId, EventId, EventType, ' +
            "EventVersion, EventTimestamp, EventPayload) VALUES ('$tenant', 'broken', 'evaluation', 'zzz', 'broken', " +
            "'lw.evaluation.completed', '1', $now, 'no JSON')")
        $night = pwsh -NoProfile -NonInteractive -File nightly.ps1 2>&1 | Out-String
        $LASTEXITCODE | Should -Be 1
        $night | Should -Match 'broken'
        $log = Get-ChildItem projection-replay-evaluationState-*.jsonl | Sort-Object LastWriteTime | Select-Object -Last 1
        (Get-Content $log)[-1] | Should -Match '"step":"error"'
        Send-Redis $sandbox HLEN, 'projection-replay:cutoff:evaluationState' | Should -Be ':0'
    }
}
