#Requires -Version 7.6
<#
.SYNOPSIS
    Returns the text of THIRD-PARTY-NOTICES.txt for a module that is laid out.
.DESCRIPTION
    Names every assembly that is shipped and not ours, the package that it comes from, and the package's licence, as the
    package itself states them. The same assemblies always give the same text. An assembly of unknown origin, or one whose
    licence's text is not at hand, is an error.
.PARAMETER Module
    The folder that the module is laid out in.
.PARAMETER Assets
    The project.assets.json of the module's project: what the build took from where.
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory)] [string] $Module,
    [Parameter(Mandatory)] [string] $Assets
)

$ErrorActionPreference = 'Stop'
Set-StrictMode -Version Latest

# A package whose nuspec has no more than a link that may change says it in its README.
$statedElsewhere = @{ 'dotenv.net' = 'MIT' }

function Get-Owner([hashtable] $Resolved) {
    $owners = @{}
    foreach ($library in @($Resolved.targets.Values)[0].GetEnumerator()) {
        if (-not $library.Value.ContainsKey('runtime')) { continue }
        foreach ($file in $library.Value.runtime.Keys) { $owners[(Split-Path -Leaf $file)] = $library.Key }
    }
    $owners
}

function Get-Package([hashtable] $Resolved, [string] $Library) {
    $folder = $Resolved.packageFolders.Keys |
        ForEach-Object { Join-Path $_ $Resolved.libraries[$Library].path } |
        Where-Object { Test-Path $_ } |
        Select-Object -First 1
    $metadata = ([xml] (Get-Content -Raw (Join-Path $folder *.nuspec))).package.metadata
    $field = {
        param($name)
        $node = $metadata.SelectSingleNode("*[local-name() = '$name']")
        if ($node) { $node.InnerText.Trim() } else { '' }
    }
    $expression = $metadata.SelectSingleNode("*[local-name() = 'license' and @type = 'expression']")
    $id = & $field id
    [pscustomobject]@{
        Id        = $id
        Version   = & $field version
        Authors   = & $field authors
        Copyright = & $field copyright
        Project   = & $field projectUrl
        License   = if ($expression) { $expression.InnerText } else { $statedElsewhere[$id] }
        Texts     = @(
            Get-ChildItem $folder -File |
                Where-Object Name -Match '^(LICENSE|NOTICE|THIRD-PARTY-NOTICES)(\.(txt|md))?$' |
                Sort-Object Name |
                ForEach-Object {
                    [pscustomobject]@{
                        Name = [IO.Path]::GetFileNameWithoutExtension($_).ToUpperInvariant()
                        Text = (Get-Content -Raw $_).ReplaceLineEndings("`n").Trim()
                    }
                }
        )
    }
}

$resolved = Get-Content -Raw $Assets | ConvertFrom-Json -AsHashtable
$owners = Get-Owner $resolved
$names = [string[]] @(Get-ChildItem $Module -Recurse -Filter *.dll | Where-Object Name -NotLike 'ProjectionReplay.*' | ForEach-Object Name)
[array]::Sort($names, [StringComparer]::OrdinalIgnoreCase)
$unknown = $names | Where-Object { -not $owners.ContainsKey($_) }
if ($unknown) { throw "No package is known for: $($unknown -join ', ')." }

$shipped = [ordered]@{}
foreach ($name in $names) { $shipped[$owners[$name]] = @($shipped[$owners[$name]]) + $name }
$packages = [ordered]@{}
$list = foreach ($owner in $shipped.Keys) {
    $package = Get-Package $resolved $owner
    if (-not $package.License) { throw "Package $($package.Id) does not say in its nuspec what its licence is." }
    $packages[$package.Id] = $package
    "$($package.Id) $($package.Version)"
    "    Assemblies  $(($shipped[$owner] | Where-Object { $_ }) -join ', ')"
    "    Licence     $($package.License)"
    if ($package.Copyright) { "    Copyright   $($package.Copyright)" } else { "    Authors     $($package.Authors)" }
    "    Project     $($package.Project)"
    ''
}

# Each text once, however many packages have it.
$texts = [ordered]@{}
foreach ($package in $packages.Values) {
    $own = $package.Texts
    if (-not ($own | Where-Object Name -EQ LICENSE)) {
        $file = Join-Path $PSScriptRoot 'licenses' "$($package.License).txt"
        if (-not (Test-Path $file)) {
            throw "Package $($package.Id) has the licence $($package.License), whose text is not in packaging/licenses."
        }
        $stated = [pscustomobject]@{
            Name = "$($package.License) LICENSE"
            Text = (Get-Content -Raw $file).ReplaceLineEndings("`n").Trim("`n")
        }
        $own = @($stated) + $own
    }
    foreach ($text in $own) {
        if (-not $texts.Contains($text.Text)) {
            $texts[$text.Text] = [pscustomobject]@{
                Name     = $text.Name
                Packages = [System.Collections.Generic.List[string]]::new()
            }
        }
        $texts[$text.Text].Packages.Add($package.Id)
    }
}

$rule = '=' * 100
$body = foreach ($text in $texts.GetEnumerator()) {
    $rule
    "$($text.Value.Name) of $($text.Value.Packages -join ', ')"
    $rule
    ''
    $text.Key
    ''
}
$head = @(
    'Third-party notices for ProjectionReplay'
    ''
    'The module ships these libraries as their packages have them. Their licences follow.'
    ''
)
($head + $list + $body) -join "`n"
