BeforeAll {
    $manifest = & (Join-Path $PSScriptRoot 'Manifest.ps1')
    Import-Module $manifest -Force

    $sample = Get-ChildItem (Join-Path $PSScriptRoot '../fixtures/SampleProjections/bin/*/net10.0/SampleProjections.dll') |
        Sort-Object LastWriteTime | Select-Object -Last 1
}

Describe 'Get-ReplayProjection' {
    It 'lists the built-in projections by name, as a table' {
        $names = (Get-ReplayProjection).Name
        $names | Should -Contain 'evaluationState'
        $names | Should -Contain 'traceSummary'
        $names | Should -Be ($names | Sort-Object)

        $text = Get-ReplayProjection | Out-String -Width 200
        $text | Should -Match 'Name\s+Pipeline\s+Store\s+Table\s+ReplaySafety\s+Version'
        $text | Should -Match 'evaluationState\s+evaluation_processing\s+ClickHouse'
    }

    It 'takes names from arguments, from the pipeline and by property, with wildcards and in any case' {
        (Get-ReplayProjection EVAL*, traceSummary).Name | Should -Be 'evaluationState', 'traceSummary'
        ('eval*', 'trace*' | Get-ReplayProjection).Name | Should -Be 'evaluationState', 'traceSummary'
        ([pscustomobject]@{ Projection = 'evaluationState' } | Get-ReplayProjection).Name | Should -Be 'evaluationState'
        (Get-ReplayProjection evaluationState | Get-ReplayProjection).Name | Should -Be 'evaluationState'
    }

    It 'writes an error for a name that is not there, and goes on' {
        $found = Get-ReplayProjection nope, evaluationState -ErrorAction SilentlyContinue -ErrorVariable failed

        $found.Name | Should -Be 'evaluationState'
        $failed.FullyQualifiedErrorId | Should -Be 'ProjectionNotFound,ProjectionReplay.PowerShell.GetReplayProjectionCommand'
        $failed.CategoryInfo.Category | Should -Be 'ObjectNotFound'
        "$failed" | Should -Match 'evaluationState'
        { Get-ReplayProjection nope -ErrorAction Stop } | Should -Throw -ErrorId 'ProjectionNotFound,*'
        Get-ReplayProjection nope -ErrorAction Ignore | Should -BeNullOrEmpty
    }

    It 'sets $? to whether all names were there' {
        $command = "Import-Module '$manifest'; `$null = Get-ReplayProjection eval*; `$?; " +
            "`$null = Get-ReplayProjection nope 2>`$null; `$?"
        pwsh -NoProfile -NonInteractive -Command $command | Should -Be 'True', 'False'
    }

    It 'splats, and fills variables, in strict mode' {
        Set-StrictMode -Version Latest
        $arguments = @{ Name = 'evaluationState', 'traceSummary' }

        Get-ReplayProjection @arguments -OutVariable all -PipelineVariable one |
            ForEach-Object { $one.Name } |
            Should -Be 'evaluationState', 'traceSummary'
        $all.Count | Should -Be 2
    }

    It 'goes into JSON and CSV as it is' {
        (Get-ReplayProjection evaluationState | ConvertTo-Json | ConvertFrom-Json).Store | Should -Be 'ClickHouse'
        (Get-ReplayProjection | ConvertTo-Csv | ConvertFrom-Csv).Name | Should -Be (Get-ReplayProjection).Name
    }

    # In processes of their own: an assembly that was loaded stays.
    It 'finds the projections of an assembly in <_>' -ForEach 'plain', '[1] brackets', 'größe 日本' {
        if (-not $sample) { Set-ItResult -Skipped -Because 'the sample assembly is not built: run ./build.ps1 first' }
        $folder = [System.IO.Directory]::CreateDirectory((Join-Path $TestDrive $_)).FullName
        Get-ChildItem (Split-Path $sample) -Filter *.dll | ForEach-Object {
            [System.IO.File]::Copy($_.FullName, (Join-Path $folder $_.Name), $true)
        }
        $script = @'
param($manifest, $folder)
Import-Module $manifest
Set-Location -LiteralPath (Split-Path $folder)
(Get-ReplayProjection -Path (Join-Path (Split-Path $folder -Leaf) SampleProjections.dll)).Source
Set-Location -LiteralPath $folder
(Get-ReplayProjection -Path ./Sample*s.dll).Source
'@
        Set-Content (Join-Path $TestDrive 'find.ps1') $script

        $sources = pwsh -NoProfile -NonInteractive -File (Join-Path $TestDrive 'find.ps1') $manifest $folder |
            Where-Object { $_ -ne 'built-in' }

        $sources | Should -Be (@(Join-Path $folder SampleProjections.dll) * 2)
    }
}
