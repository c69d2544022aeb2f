BeforeAll {
    $manifest = Resolve-Path (Join-Path $PSScriptRoot '../../ProjectionReplay.psd1')
    Import-Module $manifest -Force
    . (Join-Path $PSScriptRoot 'Sandbox.ps1')
    $sandbox = Start-Sandbox -Seed 300
}

AfterAll {
    if ($sandbox) { Stop-Sandbox $sandbox }
}

Describe 'Test-ReplayConnection' {
    BeforeEach {
        $env:CLICKHOUSE_URL = $sandbox.CLICKHOUSE_URL
        $env:REDIS_URL = $sandbox.REDIS_URL
        $env:DATABASE_URL = $sandbox.DATABASE_URL
        Push-Location $TestDrive
    }

    AfterEach {
        Pop-Location
        Remove-Item Env:CLICKHOUSE_URL, Env:REDIS_URL, Env:DATABASE_URL -ErrorAction Ignore
    }

    It 'finds nothing wrong with the sandbox' {
        $checks = Test-ReplayConnection -TenantId project_demo1

        $checks | Where-Object Result -In Failed, Warning | Should -BeNullOrEmpty
        $checks.Server | Select-Object -Unique | Should -Be 'ClickHouse', 'Redis', 'Postgres'
        $checks | Where-Object Check -EQ Events | Should -HaveCount (Get-ReplayProjection).Count
        Get-ChildItem | Should -BeNullOrEmpty
    }

    It 'asks only for the servers that a projection needs' {
        Remove-Item Env:DATABASE_URL

        (Test-ReplayConnection evaluationState).Server | Select-Object -Unique | Should -Be 'ClickHouse', 'Redis'
        $missing = Get-ReplayProjection tenantDaily* | Test-ReplayConnection | Where-Object Result -EQ Failed
        $missing.Server, $missing.Check | Should -Be 'Postgres', 'Url'
        $missing.Advice | Should -BeLike 'Give -DatabaseUrl, or set the environment variable DATABASE_URL, *'
    }

    It 'goes on when a server is down, and soon' {
        $took = Measure-Command {
            $script:checks = Test-ReplayConnection -ClickHouseUrl 'http://u:hunter2@127.0.0.1:1/x' -ErrorVariable errors
        }

        $errors | Should -BeNullOrEmpty
        ($checks | Where-Object Result -EQ Failed).Server | Should -Be 'ClickHouse'
        ($checks | Where-Object Check -EQ Connection).Result | Should -Be 'Failed', 'Passed', 'Passed'
        $checks | ConvertTo-Json | Should -Not -Match 'hunter2'
        $took.TotalSeconds | Should -BeLessThan 10
    }

    It 'tells a tenant that has no events' {
        $found = Test-ReplayConnection evaluationState -TenantId project_demo01 | Where-Object Result -EQ Warning

        $found.Check | Should -Be 'Events'
        $found.Detail | Should -BeLike "*project_demo01*"
    }

    It 'is a table by server, with what to do' {
        $PSStyle.OutputRendering = 'PlainText'
        $text = Test-ReplayConnection evaluationState -RedisUrl 'redis://127.0.0.1:1' | Out-String -Width 160
        $text | Should -Match 'Server: ClickHouse'
        $text | Should -Match 'Types\s+Passed\s+evaluation_states'
        $text | Should -Match 'Connection Failed'
        $text | Should -Match 'Check that Redis is up'
    }

    It 'colours the results' {
        $PSStyle.OutputRendering = 'Ansi'
        Test-ReplayConnection evaluationState | Out-String -Width 160 | Should -Match "\e\[32mPassed\e\[0m"
    }

    It 'decides whether a script goes on' {
        $command = "Import-Module '$manifest'; if (Test-ReplayConnection evaluationState | Where-Object Result -EQ Failed) { exit 3 }"
        $null = pwsh -NoProfile -NonInteractive -Command $command
        $LASTEXITCODE | Should -Be 0

        $env:REDIS_URL = 'redis://127.0.0.1:1'
        $null = pwsh -NoProfile -NonInteractive -Command $command
        $LASTEXITCODE | Should -Be 3
    }
}
