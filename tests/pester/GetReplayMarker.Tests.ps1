BeforeAll {
    $manifest = & (Join-Path $PSScriptRoot 'Manifest.ps1')
    Import-Module $manifest -Force
    . (Join-Path $PSScriptRoot 'Sandbox.ps1')
    $sandbox = Start-Sandbox -Seed 10
    $env:REDIS_URL = $sandbox.REDIS_URL

    $week = 7 * 24 * 3600
}

AfterAll {
    Remove-Item Env:REDIS_URL -ErrorAction Ignore
    if ($sandbox) { Stop-Sandbox $sandbox }
}

Describe 'Get-ReplayMarker' {
    BeforeEach {
        $null = Send-Redis $sandbox FLUSHALL
    }

    It 'says nothing when there is nothing' {
        Get-ReplayMarker | Should -BeNullOrEmpty
        Get-ReplayMarker -Detailed | Should -BeNullOrEmpty
    }

    It 'tells projections and tenants apart' {
        $null = Send-Redis $sandbox HSET, 'projection-replay:cutoff:evaluationState', 't1:evaluation:e1', 'pending'
        $null = Send-Redis $sandbox HSET, 'projection-replay:cutoff:evaluationState', 't2:evaluation:e1', '1768003200000:t2:e1:evaluation:x'
        $null = Send-Redis $sandbox EXPIRE, 'projection-replay:cutoff:evaluationState', ($week - 3600)
        $null = Send-Redis $sandbox SADD, 'projection-replay:completed:retired', 't1:trace:a:b'

        $found = Get-ReplayMarker

        $found | ForEach-Object { "$($_.Projection) $($_.TenantId) $($_.Pending) $($_.Cutoff) $($_.Completed)" } |
            Should -Be 'evaluationState t1 1 0 0', 'evaluationState t2 0 1 0', 'retired t1 0 0 1'
        $found[0].OldestAge.TotalHours | Should -BeGreaterOrEqual 1
        $found[0].OldestAge.TotalHours | Should -BeLessThan 1.1
        $found[2].OldestAge | Should -BeNullOrEmpty
        (Get-ReplayMarker retired, eval* -TenantId t1).Projection | Should -Be 'evaluationState', 'retired'
    }

    It 'shows each marker with -Detailed' {
        $null = Send-Redis $sandbox HSET, 'projection-replay:cutoff:evaluationState', 't2:evaluation:e1', '1768003200000:t2:e1:evaluation:x'

        $marker = Get-ReplayMarker -Detailed

        $marker.Aggregate | Should -Be 'evaluation:e1'
        $marker.State | Should -Be 'cutoff'
        $marker.CutoffTimestamp | Should -Be ([datetime]::new(2026, 1, 10, 0, 0, 0, [DateTimeKind]::Utc))
        $marker.CutoffEventId | Should -Be '1768003200000:t2:e1:evaluation:x'
    }

    It 'names who is at work, shard by shard' {
        foreach ($shard in 1, 2) {
            $holder = @{
                run            = 'r'
                host           = 'elsewhere'
                processId      = 40 + $shard
                processStarted = [datetime]::UtcNow
                since          = [datetime]'2026-01-10T00:00:00Z'
            } | ConvertTo-Json -Compress
            $null = Send-Redis $sandbox SET, "projection-replay:lock:evaluationState/$shard/2:t1", $holder, EX, 60
        }

        $found = Get-ReplayMarker evaluationState t1

        $found.RunAtWork.Shard | Should -Be '1/2', '2/2'
        $found.RunAtWork.ProcessId | Should -Be 41, 42
        "$($found.RunAtWork[0])" | Should -BeLike "process 41 on host 'elsewhere', since *, for shard 1/2 of tenant 't1'"
    }

    It 'hands on to Clear-ReplayMarker' {
        $null = Send-Redis $sandbox HSET, 'projection-replay:cutoff:evaluationState', 't1:evaluation:e1', 'pending'
        $null = Send-Redis $sandbox HSET, 'projection-replay:cutoff:evaluationState', 't2:evaluation:e1', '1768003200000:x'

        $removal = Get-ReplayMarker | Where-Object Pending -GT 0 | Clear-ReplayMarker -Confirm:$false

        $removal.TenantId | Should -Be 't1'
        $removal.MarkersRemoved | Should -Be 1
        (Get-ReplayMarker).TenantId | Should -Be 't2'
    }

    It 'goes into tables, CSV and JSON as it is' {
        $null = Send-Redis $sandbox HSET, 'projection-replay:cutoff:evaluationState', 't1:evaluation:e1', 'pending'

        Get-ReplayMarker |
            Out-String -Width 200 |
            Should -Match 'Projection\s+TenantId\s+Pending\s+Cutoff\s+Completed\s+OldestAge\s+RunAtWork'
        Get-ReplayMarker -Detailed | Out-String -Width 200 | Should -Match 'evaluationState\s+t1\s+pending\s+evaluation:e1'
        (Get-ReplayMarker | ConvertTo-Json -Depth 4 | ConvertFrom-Json).Pending | Should -Be 1
        (Get-ReplayMarker -Detailed | ConvertTo-Csv | ConvertFrom-Csv).Aggregate | Should -Be 'evaluation:e1'
    }

    It 'ends with Select-Object' {
        foreach ($n in 1..50) {
            $null = Send-Redis $sandbox HSET, 'projection-replay:cutoff:evaluationState', "t1:evaluation:e$n", 'pending'
        }

        Get-ReplayMarker -Detailed | Select-Object -First 3 | Should -HaveCount 3
    }

    It 'completes projection names' {
        $line = 'Get-ReplayMarker exp'
        (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Be 'experimentRunState'
    }
}
