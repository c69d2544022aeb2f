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

    # Runs a statement on ClickHouse.
    function Invoke-ClickHouse([string] $Sql) {
        $url = [uri] $sandbox.CLICKHOUSE_URL
        $name, $password = $url.UserInfo -split ':', 2
        $headers = @{ 'X-ClickHouse-User' = $name ? $name : 'default'; 'X-ClickHouse-Key' = "$password" }
        Invoke-RestMethod "http://$($url.Authority)/?database=$($url.AbsolutePath.Trim('/'))" -Method Post -Body $Sql -Headers $headers
    }
}

AfterAll {
    Remove-Item Env:CLICKHOUSE_URL, Env:REDIS_URL, Env:DATABASE_URL -ErrorAction Ignore
    if ($sandbox) { Stop-Sandbox $sandbox }
}

Describe 'Compare-ReplayProjection' {
    BeforeAll {
        Push-Location $TestDrive
    }

    AfterAll {
        Pop-Location
    }

    It 'says what is missing, and after a replay nothing, for <_>' -ForEach @(
        'evaluationState'
        'experimentRunState'
        'traceSummary'
        'tenantDailyBillableEvents'
        'tenantDailyEventStats'
    ) {
        $before = Compare-ReplayProjection $_ $tenant
        $before.Kind | Sort-Object -Unique | Should -Be Missing
        if ($before[0].AggregateId) {
            $before | Should -HaveCount (Invoke-ProjectionReplay $_ $tenant $since -WhatIf).AggregateCount
        }

        $null = Invoke-ProjectionReplay $_ $tenant $since

        Compare-ReplayProjection $_ $tenant | Should -BeNullOrEmpty
        $others = Compare-ReplayProjection $_ project_demo2
        $others.Kind | Sort-Object -Unique | Should -Be Missing
    }

    It 'tells a row that was changed behind its back, which a replay of its aggregate alone mends' {
        Invoke-ClickHouse ("INSERT INTO evaluation_states SELECT * REPLACE ('changed' AS Label, UpdatedAt + 1 AS UpdatedAt) " +
            "FROM evaluation_states FINAL WHERE TenantId = '$tenant' ORDER BY EvaluationId LIMIT 1")

        $difference = Compare-ReplayProjection evaluationState $tenant

        $difference | Should -HaveCount 1
        $difference.Kind, $difference.Field, $difference.Actual | Should -Be 'Different', 'Label', 'changed'

        Start-Sleep -Seconds 1
        $log = $difference | Invoke-ProjectionReplay -Since $since
        $log[-1].AggregatesReplayed | Should -Be 1
        Compare-ReplayProjection evaluationState $tenant | Should -BeNullOrEmpty
    }

    It 'shows a table' {
        $text = Compare-ReplayProjection evaluationState project_demo2 -Sample 2 | Out-String
        $text | Should -Match 'Comparison: evaluationState for project_demo2'
        $text | Should -Match 'Key\s+Kind\s+Field\s+Expected\s+Actual'
        ($text -split "`n" -match 'Missing').Count | Should -Be 2
    }

    It 'takes the same sample each time' {
        $first = Compare-ReplayProjection evaluationState project_demo2 -Sample 5
        $first | Should -HaveCount 5
        (Compare-ReplayProjection evaluationState project_demo2 -Sample 5).Key | Should -Be $first.Key
    }

    It 'takes projections from the pipeline, and a failure ends a script with 1' {
        Get-ReplayProjection evaluation*, experiment* | Compare-ReplayProjection -TenantId $tenant | Should -BeNullOrEmpty

        $command = "Import-Module '$manifest'; Compare-ReplayProjection tenantDailyBillableEvents $tenant -Sample 5"
        $null = pwsh -NoProfile -NonInteractive -Command $command 2>&1
        $LASTEXITCODE | Should -Be 1
    }

    It 'refuses a part of what counters add up' {
        { Compare-ReplayProjection tenantDailyBillableEvents $tenant -Since 2026-01-01 } | Should -Throw -ErrorId 'ComparisonNotPossible,*'
    }

    It 'leaves no file behind' {
        Get-ChildItem $TestDrive -Exclude 'projection-replay-*' | Should -BeNullOrEmpty
    }
}
