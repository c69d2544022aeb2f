BeforeAll {
    $manifest = & (Join-Path $PSScriptRoot 'Manifest.ps1')
    Import-Module $manifest -Force
}

Describe 'The module' {
    It 'has a valid manifest' {
        $module = Test-ModuleManifest $manifest
        $module.ExportedCmdlets.Keys | Sort-Object | Should -Be @(
            'Clear-ReplayMarker'
            'Compare-ReplayProjection'
            'Export-Json'
            'Get-ReplayMarker'
            'Get-ReplayProjection'
            'Invoke-ProjectionReplay'
            'Test-ReplayConnection'
        )
    }

    It 'exports just what the manifest says' {
        (Get-Command -Module ProjectionReplay).Name |
            Sort-Object |
            Should -Be (Test-ModuleManifest $manifest).ExportedCmdlets.Keys.ForEach{ $_ }
    }

    It 'has one version' {
        $path = Join-Path (Split-Path $manifest) 'bin/ProjectionReplay.PowerShell.dll'
        $assembly = [System.Reflection.AssemblyName]::GetAssemblyName($path)
        $assembly.Version.ToString(3) | Should -Be (Test-ModuleManifest $manifest).Version.ToString()
    }

    It 'keeps its libraries out of the load context of PowerShell' {
        $null = Get-ReplayProjection
        $names = [System.Runtime.Loader.AssemblyLoadContext]::Default.Assemblies.ForEach{ $_.GetName().Name }
        $names | Should -Contain 'ProjectionReplay.PowerShell'
        $names | Should -Not -Contain 'ProjectionReplay.Core'
        $names | Should -Not -Contain 'Npgsql'
        $names | Should -Not -Contain 'StackExchange.Redis'
    }

    It 'lists projections as a table' {
        $text = Get-ReplayProjection | Out-String -Width 200
        $text | Should -Match 'Name\s+Pipeline\s+Store\s+Table\s+ReplaySafety\s+Version'
        $text | Should -Match 'evaluationState\s+evaluation_processing\s+ClickHouse'
    }

    It 'completes projection names' {
        $line = 'Invoke-ProjectionReplay -Projection exp'
        (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Be 'experimentRunState'
    }

    It 'ends a script with an exit code' {
        $command = "`$ErrorActionPreference = 'Stop'; Import-Module '$manifest'; Invoke-ProjectionReplay nope t 2026-01-01"
        $null = pwsh -NoProfile -NonInteractive -Command $command 2>&1
        $LASTEXITCODE | Should -Be 1
    }
}
