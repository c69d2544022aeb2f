BeforeAll {
    $manifest = & (Join-Path $PSScriptRoot 'Manifest.ps1')
    . (Join-Path $PSScriptRoot 'Sandbox.ps1')
    $neighbour = Get-ChildItem (Join-Path $PSScriptRoot '../fixtures/OtherVersions/bin/*/net10.0/OtherVersions.psd1') |
        Sort-Object LastWriteTime |
        Select-Object -Last 1
    if (-not $neighbour) { throw 'The module OtherVersions is not built. Run ./build.ps1 first.' }

    # Runs a script in a PowerShell of its own, and returns the object that it ends with.
    function Invoke-Apart([string] $Script) {
        [string[]] $lines = pwsh -NoProfile -NonInteractive -Command @"
            `$ErrorActionPreference = 'Stop'
            `$manifest, `$neighbour = '$manifest', '$neighbour'
            . { $Script } | ConvertTo-Json -Depth 4 -Compress
"@ 2>&1 | ForEach-Object { "$_" }
        if ($LASTEXITCODE -ne 0) { throw "The script ended with ${LASTEXITCODE}: $($lines -join "`n")" }
        $lines[-1] | ConvertFrom-Json
    }
}

Describe 'Beside a module with other versions of the same libraries' {
    BeforeAll {
        $sandbox = Start-Sandbox -Seed 3000
        $env:CLICKHOUSE_URL = $sandbox.CLICKHOUSE_URL
        $env:REDIS_URL = $sandbox.REDIS_URL
        $env:DATABASE_URL = $sandbox.DATABASE_URL
        $use = @{
            # Counts into Postgres what comes from ClickHouse, with Redis in between: all of the libraries.
            Replay    = "(Invoke-ProjectionReplay tenantDailyBillableEvents project_demo1 2020-01-01 -LogDirectory '$TestDrive')[-1].Step"
            Neighbour = 'Get-OtherVersion | ForEach-Object { "$($_.Name) $($_.Version.Major) $($_.Works)" }'
        }
    }

    AfterAll {
        Remove-Item Env:CLICKHOUSE_URL, Env:REDIS_URL, Env:DATABASE_URL -ErrorAction Ignore
        if ($sandbox) { Stop-Sandbox $sandbox }
    }

    It 'both work when the other one was <_>' -ForEach 'loaded before', 'loaded after', 'imported before and used after' {
        $steps = switch ($_) {
            'loaded before' { 'Import-Module $neighbour', '$other = {0}', 'Import-Module $manifest', '$replay = {1}' }
            'loaded after' { 'Import-Module $manifest', '$replay = {1}', 'Import-Module $neighbour', '$other = {0}' }
            default { 'Import-Module $neighbour', 'Import-Module $manifest', '$replay = {1}', '$other = {0}' }
        }
        $steps = ($steps -join '; ').Replace('{0}', "@($($use.Neighbour))").Replace('{1}', $use.Replay)
        $result = Invoke-Apart @"
            $steps
            `$loaded = [System.Runtime.Loader.AssemblyLoadContext]::All | ForEach-Object {
                `$context = `$_.Name
                `$_.Assemblies | ForEach-Object { "`$context/`$(`$_.GetName().Name) `$(`$_.GetName().Version.Major)" }
            }
            @{ Replay = `$replay; Other = `$other; OtherAgain = @($($use.Neighbour)); ReplayAgain = $($use.Replay); Loaded = `$loaded }
"@

        $result.Replay, $result.ReplayAgain | Should -Be 'complete', 'complete'
        $result.Other | Should -Be @(
            'Npgsql 9 True'
            'StackExchange.Redis 2 True'
            'Microsoft.Extensions.Logging.Abstractions 8 True'
            'System.Text.Json 9 True'
        )
        $result.OtherAgain | Should -Be $result.Other

        # Two of each, and neither module got the other's.
        $result.Loaded | Should -Contain 'Default/Npgsql 9'
        $result.Loaded | Should -Contain 'ProjectionReplay/Npgsql 10'
        $result.Loaded | Should -Contain 'Default/StackExchange.Redis 2'
        $result.Loaded | Should -Contain 'ProjectionReplay/StackExchange.Redis 3'
        $result.Loaded | Should -Contain 'Default/Microsoft.Extensions.Logging.Abstractions 8'
        $result.Loaded | Should -Contain 'ProjectionReplay/Microsoft.Extensions.Logging.Abstractions 10'
        $result.Loaded | Should -Contain 'Default/System.Text.Json 10'
    }
}

Describe 'Importing' {
    It 'works again after Remove-Module, as often as one likes' {
        $names = Invoke-Apart @'
            1..10 | ForEach-Object {
                Import-Module $manifest
                (Get-ReplayProjection evaluationState).Name
                if ($_ % 3 -eq 0) { Import-Module $manifest -Force; (Get-ReplayProjection evaluationState).Name }
                Remove-Module ProjectionReplay
                if (Get-Command Get-ReplayProjection -ErrorAction Ignore) { 'still there' }
            }
'@
        $names | Should -Be (@('evaluationState') * 13)
    }

    It 'works in several runspaces at once, which come and go' {
        $names = Invoke-Apart @'
            $jobs = 1..4 | ForEach-Object {
                Start-ThreadJob -ArgumentList $manifest {
                    param($manifest)
                    $ErrorActionPreference = 'Stop'
                    foreach ($round in 1..5) {
                        Import-Module $manifest
                        (Get-ReplayProjection evaluationState).Name
                        Remove-Module ProjectionReplay
                    }
                }
            }
            $jobs | Receive-Job -Wait -AutoRemoveJob
            Import-Module $manifest
            (Get-ReplayProjection evaluationState).Name
'@
        $names | Should -Be (@('evaluationState') * 21)
    }

    It 'lasts in one runspace when the module is removed from another' {
        $name = Invoke-Apart @'
            # Imported but not used yet: the engine is loaded only when it is.
            $other = [powershell]::Create()
            $null = $other.AddScript("Import-Module '$manifest'").Invoke()
            Import-Module $manifest
            Remove-Module ProjectionReplay
            $other.Commands.Clear()
            $other.AddScript('(Get-ReplayProjection evaluationState).Name').Invoke()
            $other.Dispose()
'@
        $name | Should -Be 'evaluationState'
    }
}
