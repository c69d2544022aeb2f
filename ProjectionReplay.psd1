@{
    RootModule           = 'bin/ProjectionReplay.PowerShell.dll'
    ModuleVersion        = '0.1.0'
    GUID                 = '693e49c4-6550-455e-a307-89d24af162a9'
    Author               = 'The ProjectionReplay authors'
    Copyright            = 'Copyright (c) 2026 The ProjectionReplay authors. MIT license.'
    Description          = 'Replays historical events from ClickHouse through fold projections, while the live system keeps running: backfills the state of a new or changed projection for a tenant from a date on.'
    PowerShellVersion    = '7.6'
    CompatiblePSEditions = @('Core')
    CmdletsToExport      = @(
        'Clear-ReplayMarker',
        'Compare-ReplayProjection',
        'Export-Json',
        'Get-ReplayMarker',
        'Get-ReplayProjection',
        'Invoke-ProjectionReplay',
        'Test-ReplayConnection'
    )
    FunctionsToExport    = @()
    AliasesToExport      = @()
    VariablesToExport    = @()
    FormatsToProcess     = @('bin/ProjectionReplay.Format.ps1xml')
    PrivateData          = @{
        PSData = @{
            Tags       = @(
                'EventSourcing', 'Projection', 'Replay', 'Backfill', 'ClickHouse', 'Redis', 'PostgreSQL',
                'PSEdition_Core', 'Windows', 'Linux', 'MacOS'
            )
            # The text of the MIT license.
            LicenseUri = 'https://licenses.nuget.org/MIT'
        }
    }
}
