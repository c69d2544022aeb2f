# Real ClickHouse, Redis and PostgreSQL for a test file: dot-source this in BeforeAll.

function Start-Sandbox([int] $Seed) {
    $root = Resolve-Path (Join-Path $PSScriptRoot '../..')
    $program = Get-ChildItem (Join-Path $root 'src/ProjectionReplay.Sandbox/bin/*/net10.0/ProjectionReplay.Sandbox.dll') |
        Sort-Object LastWriteTime | Select-Object -Last 1
    if (-not $program) { throw 'The sandbox is not built. Run ./build.ps1 first.' }

    $start = [System.Diagnostics.ProcessStartInfo]::new('dotnet')
    $program.FullName, 'serve', '--seed', $Seed, '--exit-on-stdin-close' | ForEach-Object { $start.ArgumentList.Add($_) }
    $start.RedirectStandardInput = $true
    $start.RedirectStandardOutput = $true
    $process = [System.Diagnostics.Process]::Start($start)

    $sandbox = @{ Process = $process }
    while (($line = $process.StandardOutput.ReadLine()) -ne 'ready') {
        if ($null -eq $line) { throw 'The sandbox ended before it was ready.' }
        $name, $value = $line -split '=', 2
        $sandbox[$name] = $value
    }
    $sandbox
}

function Stop-Sandbox($Sandbox) {
    $Sandbox.Process.StandardInput.Close()
    if (-not $Sandbox.Process.WaitForExit(30000)) { $Sandbox.Process.Kill($true) }
}

# Sends one command to Redis and returns the first line of the answer.
function Send-Redis($Sandbox, [string[]] $Command) {
    $url = [uri] $Sandbox.REDIS_URL
    $client = [System.Net.Sockets.TcpClient]::new($url.Host, $url.Port)
    try {
        $text = "*$($Command.Count)`r`n" + -join ($Command | ForEach-Object { "`$$([Text.Encoding]::UTF8.GetByteCount($_))`r`n$_`r`n" })
        $bytes = [Text.Encoding]::UTF8.GetBytes($text)
        $client.GetStream().Write($bytes, 0, $bytes.Length)
        [System.IO.StreamReader]::new($client.GetStream()).ReadLine()
    }
    finally {
        $client.Dispose()
    }
}
