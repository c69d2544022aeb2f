#Requires -Version 7.6

<#
.SYNOPSIS
    Builds, tests and packages the module.
.DESCRIPTION
    Needs PowerShell 7.6. Where it is not installed, the checkout brings it along:

        dotnet tool restore
        dotnet pwsh ./build.ps1 -Task Pester

    Build    compiles everything; ./ProjectionReplay.psd1 can be imported afterwards
    Test     runs the .NET tests on the sandbox's engines
    Pester   runs the Pester tests on the package, which it makes first, in a PowerShell of their own
    Nightly  runs what a normal run has only some cases of, with all of them, and what gets better the longer it runs:
             random schedules of faults, kills and live traffic, and a run of many batches. A failure names its schedule as
             REPLAY_TEST_SEED: set that variable to run the schedule alone
    Package  puts the module, and nothing else, into out/ProjectionReplay/<version>, ready to be copied to a folder of
             $env:PSModulePath, and into out/ProjectionReplay.<version>.nupkg, for Publish-PSResource
    Clean    removes what the others made
.EXAMPLE
    ./build.ps1 -Task Build, Test, Pester
.EXAMPLE
    ./build.ps1 -Task Nightly -Schedules 50 -Batches 1000
#>
[CmdletBinding()]
param(
    [ValidateSet('Build', 'Test', 'Pester', 'Nightly', 'Package', 'Clean')]
    [string[]] $Task = 'Build',

    # Package is always built in Release.
    [ValidateSet('Debug', 'Release')]
    [string] $Configuration = 'Debug',

    # For Nightly: random schedules of all kinds together. A normal test run has 10, and 30 of answers that go wrong.
    [ValidateRange(3, 1000000)]
    [int] $Schedules = 500,

    # For Nightly: batches of the long run. A normal test run has 1,000.
    [ValidateRange(5, 1000000)]
    [int] $Batches = 10000
)

$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $true
Set-StrictMode -Version Latest

$solution = Join-Path $PSScriptRoot 'ProjectionReplay.slnx'
$out = Join-Path $PSScriptRoot 'out'
$manifest = Join-Path $PSScriptRoot 'ProjectionReplay.psd1'

function Invoke-Build {
    dotnet build $solution --configuration $Configuration
}

function Invoke-Test {
    dotnet test --solution $solution --configuration $Configuration
}

function Invoke-Nightly {
    $env:REPLAY_TEST_EXTENT = 'full'
    $env:REPLAY_TEST_SCHEDULES = $Schedules
    $env:REPLAY_TEST_BATCHES = $Batches
    try {
        # The one room is no reason not to hear of the other.
        $red = foreach ($room in 'integration', 'faults') {
            try {
                $project = Join-Path $PSScriptRoot "tests/$room"
                dotnet test --project $project --configuration $Configuration --filter-trait Set=Nightly | Out-Host
            }
            catch {
                $room
            }
        }
        if ($red) { throw "Tests failed in: $($red -join ', ')." }
    }
    finally {
        Remove-Item Env:REPLAY_TEST_EXTENT, Env:REPLAY_TEST_SCHEDULES, Env:REPLAY_TEST_BATCHES
    }
}

# Where a build puts the packages that it fetches.
function Get-PackageRoot {
    (dotnet nuget locals global-packages --list) -replace '^global-packages: ', ''
}

# Makes pwsh a command for the tests, as it is where PowerShell is installed: this one may be a tool, which dotnet runs.
function Add-PwshToPath {
    if ((Get-Process -Id $PID).ProcessName -eq 'pwsh') { return }
    $commands = New-Item -ItemType Directory -Force (Join-Path $out 'commands')
    $program = Join-Path $PSHOME 'pwsh.dll'
    if ($IsWindows) {
        Set-Content (Join-Path $commands 'pwsh.cmd') "@dotnet `"$program`" %*"
    }
    else {
        $command = Join-Path $commands 'pwsh'
        Set-Content $command "#!/bin/sh`nexec dotnet '$program' `"`$@`""
        chmod +x $command
    }

    $env:PATH = "$commands$([System.IO.Path]::PathSeparator)$env:PATH"
}

function Invoke-PesterTest {
    # The servers and the other modules that the tests need, Pester itself, and the module as it is shipped.
    dotnet build $solution --configuration $Configuration
    $package = Invoke-Package
    $version = ([xml] (Get-Content (Join-Path $PSScriptRoot 'Directory.Packages.props'))).SelectSingleNode('//PesterVersion').InnerText
    $pester = Join-Path (Get-PackageRoot) 'pester' $version 'tools/Pester.psd1'

    # In a process of its own: an imported module cannot be unloaded, and on Windows not be built again.
    $tests = Join-Path $PSScriptRoot 'tests/pester'
    $script = {
        param($tests, $out, $manifest, $pester)
        $env:PROJECTION_REPLAY_MODULE = $manifest
        Import-Module $pester
        $settings = New-PesterConfiguration
        $settings.Run.Path = $tests
        $settings.Run.PassThru = $true
        $settings.Output.Verbosity = 'Detailed'
        $settings.TestResult.Enabled = $true
        $settings.TestResult.OutputPath = Join-Path $out 'pester.xml'
        $result = Invoke-Pester -Configuration $settings

        # In the words of the .NET tests, so that one can add them up.
        "  total: $($result.TotalCount)",
            "  failed: $($result.FailedCount)",
            "  succeeded: $($result.PassedCount)",
            "  skipped: $($result.SkippedCount)"
        exit [int]($result.Result -ne 'Passed')
    }
    $null = New-Item -ItemType Directory -Force $out
    $path = $env:PATH
    try {
        Add-PwshToPath
        pwsh -NoProfile -NonInteractive -Command $script -args $tests, $out, (Join-Path $package 'ProjectionReplay.psd1'), $pester
    }
    finally {
        $env:PATH = $path
    }
}

# Returns the folder that the module is in.
function Invoke-Package {
    $version = (Import-PowerShellDataFile $manifest).ModuleVersion
    $module = Join-Path $out 'ProjectionReplay' $version
    if (Test-Path $module) { Remove-Item -Recurse -Force $module }
    $null = New-Item -ItemType Directory -Force $module

    # Laid out there and not here, so that the checkout stays as it was built. The paths of this machine stay out of it.
    $project = Join-Path $PSScriptRoot 'src/ProjectionReplay.PowerShell'
    dotnet build $project --configuration Release "-p:ModuleRoot=$module/" -p:ContinuousIntegrationBuild=true | Out-Host
    Get-ChildItem $module -Recurse -Filter *.pdb | Remove-Item

    # The documentation that the README points to.
    $null = New-Item -ItemType Directory (Join-Path $module 'docs')
    'ProjectionReplay.psd1', 'README.md', 'CHANGELOG.md', 'LICENSE', '.env.example' |
        ForEach-Object { Copy-Item (Join-Path $PSScriptRoot $_) (Join-Path $module $_) }
    Copy-Item (Join-Path $PSScriptRoot 'docs/*') (Join-Path $module 'docs') -Include *.md, *.yaml, *.svg -Exclude about_*
    $assets = Join-Path $project 'obj/project.assets.json'
    $notices = & (Join-Path $PSScriptRoot 'packaging/New-ThirdPartyNotice.ps1') -Module $module -Assets $assets
    [System.IO.File]::WriteAllText((Join-Path $module 'THIRD-PARTY-NOTICES.txt'), $notices)

    # Of PowerShell itself, as is the check of the manifest that it makes.
    Compress-PSResource -Path $module -DestinationPath $out
    Write-Host "The module is in $module"
    $module
}

function Invoke-Clean {
    # Not all of bin and obj: only those that belong to a project.
    $folders = 'src', 'tests', 'samples', 'bench' | ForEach-Object { Join-Path $PSScriptRoot $_ }
    Get-ChildItem $folders -Recurse -Filter *.csproj |
        ForEach-Object { Join-Path $_.DirectoryName 'bin'; Join-Path $_.DirectoryName 'obj' } |
        Where-Object { Test-Path $_ } |
        Remove-Item -Recurse -Force
    'bin', 'en-US', 'out', 'TestResults', 'BenchmarkDotNet.Artifacts' |
        ForEach-Object { Join-Path $PSScriptRoot $_ } |
        Where-Object { Test-Path $_ } |
        Remove-Item -Recurse -Force
}

Push-Location $PSScriptRoot
try {
    foreach ($name in $Task) {
        switch ($name) {
            'Build' { Invoke-Build }
            'Test' { Invoke-Test }
            'Pester' { Invoke-PesterTest }
            'Nightly' { Invoke-Nightly }
            'Package' { $null = Invoke-Package }
            'Clean' { Invoke-Clean }
        }
    }
}
finally {
    Pop-Location
}
