# Returns the path of the module's manifest for a test file: the module that PROJECTION_REPLAY_MODULE names, else the newest
# package under out/, else the checkout. Says which it is.
$root = Resolve-Path (Join-Path $PSScriptRoot '../..')
$package = Get-ChildItem (Join-Path $root 'out/ProjectionReplay/*/ProjectionReplay.psd1') -ErrorAction Ignore | Sort-Object LastWriteTime | Select-Object -Last 1
$manifest = if ($env:PROJECTION_REPLAY_MODULE) { (Resolve-Path $env:PROJECTION_REPLAY_MODULE).Path } elseif ($package) { $package.FullName } else { Join-Path $root 'ProjectionReplay.psd1' }
Write-Host "Testing $manifest"
$manifest
