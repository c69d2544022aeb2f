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

    # What a pod runs, word for word but for where the module is.
    $job = Get-Content (Join-Path $PSScriptRoot '../../docs/kubernetes-indexed-job.yaml') -Raw
    $job -match '(?ms)^            - \|\n(?<script>.*?)^          env:' | Should -BeTrue
    $podScript = $Matches.script -replace '(?m)^ {14}'
    $podScript = $podScript -replace 'Import-Module ProjectionReplay', "Import-Module '$manifest'"
    $podScript = $podScript -replace '-LogDirectory /tmp', "-LogDirectory '$TestDrive'"
}

AfterAll {
    Remove-Item Env:CLICKHOUSE_URL, Env:REDIS_URL, Env:DATABASE_URL -ErrorAction Ignore
    Remove-Item Env:JOB_COMPLETION_INDEX, Env:SHARD_COUNT, Env:PROJECTION, Env:TENANT_ID, Env:SINCE -ErrorAction Ignore
    if ($sandbox) { Stop-Sandbox $sandbox }
}

Describe 'The pods of the Kubernetes example' {
    BeforeAll {
        $env:SHARD_COUNT, $env:PROJECTION, $env:TENANT_ID, $env:SINCE = '3', 'tenantDailyBillableEvents', $tenant, $since

        # Runs a pod as Kubernetes would, and returns its exit code and what it printed.
        function Invoke-Pod([int] $Index) {
            $env:JOB_COMPLETION_INDEX = $Index
            $lines = pwsh -NoProfile -NonInteractive -Command $podScript 2>&1 | ForEach-Object { "$_" }
            @{ ExitCode = $LASTEXITCODE; Lines = $lines }
        }
    }

    It 'have as many completions as shards' {
        $job -match 'completions: (\d+)' | Should -BeTrue
        $completions = $Matches[1]
        $job | Should -Match "parallelism: $completions\n"
        $job | Should -Match "name: SHARD_COUNT\n\s+value: `"$completions`""
    }

    It 'are together what one run is, and end with 0 when there was nothing to resume' {
        $whole = Invoke-ProjectionReplay $env:PROJECTION $tenant $since -WhatIf

        $pods = 0..2 | ForEach-Object { Invoke-Pod $_ }

        $pods.ExitCode | Should -Be 0, 0, 0
        $last = $pods | ForEach-Object { $_.Lines[-1] | ConvertFrom-Json }
        $last.Step | Should -Be 'complete', 'complete', 'complete'
        $last.AggregatesReplayed | ForEach-Object { $_ | Should -BeGreaterThan 0 }
        ($last.AggregatesReplayed | Measure-Object -Sum).Sum | Should -Be $whole.AggregateCount
        ($last.TotalEvents | Measure-Object -Sum).Sum | Should -BeGreaterThan 0
    }

    It 'are tried again with -Resume after a crash, whose markers they remove, and end with 0' {
        $null = Send-Redis $sandbox HSET, 'projection-replay:cutoff:tenantDailyBillableEvents', "${tenant}:evaluation:lost", 'pending'

        (0..2 | ForEach-Object { Invoke-Pod $_ }).ExitCode | Should -Be 0, 0, 0

        Send-Redis $sandbox EXISTS, 'projection-replay:cutoff:tenantDailyBillableEvents' | Should -Be ':0'
    }

    It 'end with 1 on an error, and say what it is' {
        $env:SHARD_COUNT = '2'
        try {
            $pod = Invoke-Pod 2
        }
        finally {
            $env:SHARD_COUNT = '3'
        }

        $pod.ExitCode | Should -Be 1
        $pod.Lines -join "`n" | Should -Match "'3/2' is no shard"
    }
}

Describe 'The Slurm example' {
    BeforeAll {
        $page = Get-Content (Join-Path $PSScriptRoot '../../docs/scaling.md') -Raw
        $page -match "--wrap '(?<script>[^']+)'" | Should -BeTrue
        $taskScript = $Matches.script.Replace('Import-Module ProjectionReplay', "Import-Module '$manifest'")
        $taskScript = $taskScript.Replace('project_abc123', $tenant).Replace('2026-01-01', $since)
    }

    It 'replays the shard of its task (by sh, which Windows lacks)' -Skip:$IsWindows {
        Push-Location $TestDrive
        try {
            $env:SLURM_ARRAY_TASK_ID = '5'
            $null = sh -c $taskScript
            $LASTEXITCODE | Should -Be 0
            $env:SLURM_ARRAY_TASK_ID = '9'
            $null = sh -c "$taskScript 2>&1"
            $LASTEXITCODE | Should -Be 1
        }
        finally {
            Remove-Item Env:SLURM_ARRAY_TASK_ID
            Pop-Location
        }

        Get-ChildItem $TestDrive -Filter 'projection-replay-evaluationState-5of8-*.jsonl' | Should -HaveCount 1
    }
}

Describe 'The shards of one machine' {
    It 'run as jobs' {
        $jobs = 1..2 | ForEach-Object {
            Start-Job -WorkingDirectory $TestDrive -ArgumentList "$manifest", $tenant, $since, "$_/2" {
                param($manifest, $tenant, $since, $shard)
                Import-Module $manifest
                Invoke-ProjectionReplay evaluationState $tenant $since -Shard $shard -Resume -ErrorAction Stop
            }
        }
        $entries = $jobs | Receive-Job -Wait -AutoRemoveJob | Where-Object Step -in complete, error

        $entries.Step | Should -Be 'complete', 'complete'
        $plan = Invoke-ProjectionReplay evaluationState $tenant $since -WhatIf
        ($entries.AggregatesReplayed | Measure-Object -Sum).Sum | Should -Be $plan.AggregateCount
    }
}
