BeforeAll {
    $manifest = & (Join-Path $PSScriptRoot 'Manifest.ps1')
    Import-Module $manifest -Force
    . (Join-Path $PSScriptRoot 'Sandbox.ps1')
    $sandbox = Start-Sandbox -Seed 10
    $env:REDIS_URL = $sandbox.REDIS_URL
    $tenant = 'project_demo1'

    # Leaves behind what a killed run would: a marker, and the record of one completed aggregate.
    function Add-Remains([string] $Projection, [string] $Tenant = $tenant) {
        $null = Send-Redis $sandbox HSET, "projection-replay:cutoff:$Projection", "${Tenant}:evaluation:lost", 'pending'
        $null = Send-Redis $sandbox SADD, "projection-replay:completed:$Projection", "${Tenant}:evaluation:done"
    }
}

AfterAll {
    Remove-Item Env:REDIS_URL -ErrorAction Ignore
    if ($sandbox) { Stop-Sandbox $sandbox }
}

Describe 'Clear-ReplayMarker' {
    BeforeEach {
        $null = Send-Redis $sandbox FLUSHDB
    }

    It 'removes what was left and says how much' {
        Add-Remains evaluationState

        Clear-ReplayMarker evaluation* -WhatIf | Should -BeNullOrEmpty
        $removal = Clear-ReplayMarker evaluation* -Confirm:$false

        $removal.Projection | Should -Be 'evaluationState'
        $removal.MarkersRemoved, $removal.CompletedRemoved | Should -Be 1, 1
        Send-Redis $sandbox EXISTS, 'projection-replay:cutoff:evaluationState' | Should -Be ':0'
        $removal | Format-Table | Out-String -Width 120 | Should -Match 'Projection\s+TenantId\s+MarkersRemoved\s+CompletedRemoved'
    }

    It 'removes nothing of other tenants and projections' {
        Add-Remains evaluationState
        Add-Remains evaluationState other
        Add-Remains experimentRunState

        (Clear-ReplayMarker evaluationState $tenant -Confirm:$false).TenantId | Should -Be $tenant

        Send-Redis $sandbox HGET, 'projection-replay:cutoff:evaluationState', 'other:evaluation:lost' | Should -Be '$7'
        Send-Redis $sandbox HLEN, 'projection-replay:cutoff:experimentRunState' | Should -Be ':1'
    }

    It 'takes projections from the pipeline, by value and by name' {
        Add-Remains evaluationState
        Add-Remains experimentRunState
        Add-Remains gone

        (Get-ReplayProjection e* | Clear-ReplayMarker -Confirm:$false).Projection | Should -Be 'evaluationState', 'experimentRunState'
        ([pscustomobject]@{ Projection = 'gone'; TenantId = $tenant } | Clear-ReplayMarker -Confirm:$false).MarkersRemoved | Should -Be 1
    }

    It 'splats, and fills variables, in strict mode' {
        Set-StrictMode -Version Latest
        Add-Remains evaluationState
        $arguments = @{ Projection = 'evaluationState'; TenantId = $tenant; Confirm = $false }

        Clear-ReplayMarker @arguments -OutVariable removed -PipelineVariable one | ForEach-Object { $one.MarkersRemoved } | Should -Be 1
        $removed.CompletedRemoved | Should -Be 1
    }

    It 'removes nothing with $WhatIfPreference' {
        Add-Remains evaluationState

        & { $WhatIfPreference = $true; Clear-ReplayMarker evaluationState } | Should -BeNullOrEmpty

        Send-Redis $sandbox HLEN, 'projection-replay:cutoff:evaluationState' | Should -Be ':1'
    }

    It 'is told beforehand that it may, where nobody is there to ask' {
        Add-Remains evaluationState
        $script = "`$ErrorActionPreference = 'Stop'; Import-Module '$manifest'; Clear-ReplayMarker evaluationState"

        $text = (pwsh -NoProfile -NonInteractive -Command $script 2>&1 | ForEach-Object { "$_" }) -join ' '
        $LASTEXITCODE | Should -Be 1
        ($text -replace '\e\[[\d;]*m' -replace '\s*\|?\s+', ' ') | Should -Match '-Confirm:\$false'
        Send-Redis $sandbox HLEN, 'projection-replay:cutoff:evaluationState' | Should -Be ':1'

        $null = pwsh -NoProfile -NonInteractive -Command "$script -Confirm:`$false"
        $LASTEXITCODE | Should -Be 0
        $null = pwsh -NoProfile -NonInteractive -Command "`$ConfirmPreference = 'None'; $script"
        $LASTEXITCODE | Should -Be 0
        Send-Redis $sandbox EXISTS, 'projection-replay:cutoff:evaluationState' | Should -Be ':0'
    }

    It 'leaves the markers of a run at work, unless forced' {
        $null = Send-Redis $sandbox HSET, 'projection-replay:cutoff:evaluationState', "${tenant}:evaluation:busy", 'pending'
        $holder = @{
            run            = 'r'
            host           = 'elsewhere'
            processId      = 7
            processStarted = [datetime]::UtcNow
            since          = [datetime]::UtcNow
        } | ConvertTo-Json -Compress
        $null = Send-Redis $sandbox SET, "projection-replay:lock:evaluationState:$tenant", $holder, EX, 60

        { Clear-ReplayMarker evaluationState -Confirm:$false -ErrorAction SilentlyContinue } |
            Should -Throw "*process 7 on host 'elsewhere'*" -ErrorId 'ReplayInProgress,ProjectionReplay.PowerShell.ClearReplayMarkerCommand'
        (Clear-ReplayMarker evaluationState $tenant -Force -Confirm:$false -WarningAction SilentlyContinue).MarkersRemoved | Should -Be 1
        (Get-Help Clear-ReplayMarker -Parameter Force | Out-String) | Should -Match 'even while a run is at work'
    }

    It 'says what to do about a server that is not there' {
        { Clear-ReplayMarker evaluationState -RedisUrl redis://:secret@127.0.0.1:1 -Confirm:$false } |
            Should -Throw '*REDIS_URL*' -ErrorId 'RedisUnavailable,*'
        $Error[0].Exception.Message | Should -Not -Match 'secret'
    }
}
