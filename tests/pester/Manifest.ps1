# Returns the path of the module's manifest for a test file: the module that PROJECTION_REPLAY_MODULE names, else the newest
# package under out/, else the checkout. Says which it is.
$root = (Resolve-Path (Join-Path $PSScriptRoot '../..')).Path
$package = Get-ChildItem (Join-Path $root 'out/ProjectionReplay/*/ProjectionReplay.psd1') -ErrorAction Ignore |
    Sort-Object LastWriteTime |
    Select-Object -Last 1
$manifest = if ($env:PROJECTION_REPLAY_MODULE) {
    (Resolve-Path $env:PROJECTION_REPLAY_MODULE).Path
}
elseif ($package) {
    $package.FullName
}
else {
    Join-Path $root 'ProjectionReplay.psd1'
}
Write-Host "Testing $manifest"

$tested, $built = (Split-Path $manifest), $root | ForEach-Object {
    Get-ChildItem (Join-Path $_ 'bin') -Recurse -Filter ProjectionReplay.*.dll -ErrorAction Ignore |
        Sort-Object LastWriteTime |
        Select-Object -Last 1
}
if ($tested -and $built -and $built.LastWriteTime -gt $tested.LastWriteTime) {
    Write-Warning ('The checkout was built after this module was. ' +
        'To test what was built run ./build.ps1 -Task Pester, or set PROJECTION_REPLAY_MODULE.')
}

$manifest
