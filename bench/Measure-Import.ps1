#Requires -Version 7.6
<#
.SYNOPSIS
    Measures what importing the module costs, beside an empty binary module, and the first cmdlet after it.
.DESCRIPTION
    Every measurement is a PowerShell process of its own, and the modules take turns, so that whatever else the machine is
    doing falls on all of them alike. Prints medians in milliseconds, and what the module takes more than the empty one.
.EXAMPLE
    ./build.ps1 -Task Package
    ./bench/Measure-Import.ps1 ./out/ProjectionReplay/0.1.0/ProjectionReplay.psd1
#>
[CmdletBinding()]
param(
    # Manifests of the modules to measure, such as two builds of this one.
    [string[]] $Module = (Join-Path $PSScriptRoot '../ProjectionReplay.psd1'),

    [ValidateRange(1, 1000)]
    [int] $Rounds = 10
)

$ErrorActionPreference = 'Stop'
Set-StrictMode -Version Latest

function Get-Median([double[]] $Values) {
    $sorted = $Values | Sort-Object
    $middle = [math]::Floor($sorted.Count / 2)
    $sorted.Count % 2 ? $sorted[$middle] : ($sorted[$middle - 1] + $sorted[$middle]) / 2
}

$work = New-Item -ItemType Directory (Join-Path ([System.IO.Path]::GetTempPath()) ([guid]::NewGuid()))
try {
    # A binary module with a manifest and one cmdlet that does nothing.
    $empty = Join-Path $work 'Empty.psd1'
    Add-Type -OutputAssembly (Join-Path $work 'Empty.dll') -TypeDefinition @'
[System.Management.Automation.Cmdlet("Get", "Nothing")]
public sealed class GetNothingCommand : System.Management.Automation.PSCmdlet { }
'@
    $nothing = @{ FunctionsToExport = @(); AliasesToExport = @(); VariablesToExport = @() }
    New-ModuleManifest $empty -RootModule Empty.dll -CmdletsToExport Get-Nothing @nothing

    $candidates = @([pscustomobject]@{ Path = $empty; First = 'Get-Nothing' }) +
        ($Module | ForEach-Object { [pscustomobject]@{ Path = (Resolve-Path $_).Path; First = 'Get-ReplayProjection' } })
    $results = foreach ($round in 0..$Rounds) {
        foreach ($candidate in $candidates) {
            $script = "`$watch = [System.Diagnostics.Stopwatch]::StartNew(); Import-Module '$($candidate.Path)'; " +
                "`$imported = `$watch.Elapsed; `$null = $($candidate.First); " +
                "'{0:r} {1:r}' -f `$imported.TotalMilliseconds, (`$watch.Elapsed - `$imported).TotalMilliseconds"
            $import, $first = [double[]] ((& (Get-Process -Id $PID).Path -NoProfile -NonInteractive -Command $script) -split ' ')

            # The first round fills the file system's cache.
            if ($round -gt 0) { [pscustomobject]@{ Path = $candidate.Path; Import = $import; First = $first } }
        }
    }
}
finally {
    Remove-Item -Recurse -Force $work
}

$baseline = Get-Median ($results | Where-Object Path -EQ $empty).Import
foreach ($path in $candidates.Path) {
    $own = $results | Where-Object Path -EQ $path
    $import = Get-Median $own.Import
    [pscustomobject]@{
        Module       = $path -eq $empty ? 'empty binary module' : $path
        Rounds       = $Rounds
        ImportMs     = [math]::Round($import, 1)
        MoreMs       = [math]::Round($import - $baseline, 1)
        FirstMs      = [math]::Round((Get-Median $own.First), 1)
    }
}
