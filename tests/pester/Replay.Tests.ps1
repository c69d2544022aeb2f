BeforeAll {
    $manifest = & (Join-Path $PSScriptRoot 'Manifest.ps1')
    Import-Module $manifest -Force
    . (Join-Path $PSScriptRoot 'Sandbox.ps1')
    $sandbox = Start-Sandbox -Seed 3000
    $env:CLICKHOUSE_URL = $sandbox.CLICKHOUSE_URL
    $env:REDIS_URL = $sandbox.REDIS_URL
    $env:DATABASE_URL = $sandbox.DATABASE_URL

    $tenant = 'project_demo1'
    $since = '2020-01-01'
}

AfterAll {
    Remove-Item Env:CLICKHOUSE_URL, Env:REDIS_URL, Env:DATABASE_URL -ErrorAction Ignore
    if ($sandbox) { Stop-Sandbox $sandbox }
}

Describe 'A replay' {
    BeforeEach {
        Push-Location (New-Item -ItemType Directory (Join-Path $TestDrive ([guid]::NewGuid())))
    }

    AfterEach {
        Pop-Location
    }

    It 'is planned first' {
        $plan = Invoke-ProjectionReplay evaluationState $tenant $since -WhatIf

        $plan.AggregateCount | Should -BeGreaterThan 0
        $plan.EventCount | Should -BeGreaterThan $plan.AggregateCount
        $plan.PreviousCompletedCount | Should -Be 0
        Get-ChildItem | Should -BeNullOrEmpty
    }

    It 'is run, filtered and exported' {
        $plan = Invoke-ProjectionReplay evaluationState $tenant $since -WhatIf
        Get-ReplayProjection evaluationState |
            Invoke-ProjectionReplay -TenantId $tenant -Since $since -AggregateBatchSize 20 |
            Export-Json run.json

        $entries = Get-Content run.json -Raw | ConvertFrom-Json
        $entries[0].Step | Should -Be 'start'
        $entries[-1].Step | Should -Be 'complete'
        $entries[-1].AggregatesReplayed | Should -Be $plan.AggregateCount
        $log = Get-Content projection-replay-evaluationState-*.jsonl | ConvertFrom-Json
        $log.step | Should -Be $entries.Step
    }

    It 'runs every projection, the counters in Postgres too' {
        $entries = Get-ReplayProjection | Invoke-ProjectionReplay -TenantId $tenant -Since $since

        ($entries | Where-Object Step -EQ complete).Projection | Should -Be (Get-ReplayProjection).Name
    }

    It 'goes into tables, CSV and JSON as it is' {
        $entries = Invoke-ProjectionReplay evaluationState $tenant $since
        $entries | Format-Table | Out-String -Width 200 | Should -Match 'replay-batch\s+1/1'
        $entries | ConvertTo-Csv | Should -HaveCount ($entries.Count + 1)
        ($entries | ConvertTo-Json | ConvertFrom-Json).Count | Should -Be $entries.Count
    }

    It 'is ended by Select-Object and leaves nothing marked' {
        $entries = Invoke-ProjectionReplay evaluationState $tenant $since -AggregateBatchSize 5 | Select-Object -First 3

        $entries.Step | Should -Be 'start', 'discover', 'mark-batch'
        Send-Redis $sandbox HLEN, 'projection-replay:cutoff:evaluationState' | Should -Be ':0'
    }

    It 'says what to do about an interrupted one' {
        $null = Send-Redis $sandbox HSET, 'projection-replay:cutoff:evaluationState', "${tenant}:evaluation:lost", 'pending'

        { Invoke-ProjectionReplay evaluationState $tenant $since } |
            Should -Throw -ErrorId 'PreviousRunFound,ProjectionReplay.PowerShell.InvokeProjectionReplayCommand'

        (Invoke-ProjectionReplay evaluationState $tenant $since -Resume)[-1].Step | Should -Be 'complete'
        Send-Redis $sandbox HLEN, 'projection-replay:cutoff:evaluationState' | Should -Be ':0'
    }

    It 'can be cleaned up after' {
        $null = Send-Redis $sandbox HSET, 'projection-replay:cutoff:evaluationState', "${tenant}:evaluation:lost", 'pending'

        Clear-ReplayMarker evaluation* -WhatIf | Should -BeNullOrEmpty
        $removal = Clear-ReplayMarker evaluation* -Confirm:$false

        $removal.Projection | Should -Be 'evaluationState'
        $removal.MarkersRemoved | Should -Be 1
        Send-Redis $sandbox EXISTS, 'projection-replay:cutoff:evaluationState' | Should -Be ':0'
    }

    It 'keeps its markers while it is at work' {
        $null = Send-Redis $sandbox HSET, 'projection-replay:cutoff:evaluationState', "${tenant}:evaluation:busy", 'pending'
        $holder = @{ run = 'r'; host = 'elsewhere'; processId = 7; processStarted = [datetime]::UtcNow; since = [datetime]::UtcNow } | ConvertTo-Json -Compress
        $null = Send-Redis $sandbox SET, "projection-replay:lock:evaluationState:$tenant", $holder, EX, 60

        { Clear-ReplayMarker evaluationState -Confirm:$false } |
            Should -Throw "*process 7 on host 'elsewhere'*" -ErrorId 'ReplayInProgress,ProjectionReplay.PowerShell.ClearReplayMarkerCommand'
        (Clear-ReplayMarker evaluationState $tenant -Force -Confirm:$false -WarningAction SilentlyContinue).MarkersRemoved | Should -Be 1
        (Get-Help Clear-ReplayMarker -Parameter Force | Out-String) | Should -Match 'even while a run is at work'

        $null = Send-Redis $sandbox DEL, "projection-replay:lock:evaluationState:$tenant"
    }
}
