BeforeAll {
    $manifest = & (Join-Path $PSScriptRoot 'Manifest.ps1')
    Import-Module $manifest -Force
}

Describe 'Export-Json' {
    BeforeEach {
        Push-Location $TestDrive
    }

    AfterEach {
        Pop-Location
        Get-ChildItem $TestDrive | Remove-Item
    }

    It 'writes what ConvertFrom-Json reads back' {
        $items = [pscustomobject]@{ Name = 'größe'; Size = 3; When = [datetime]::UtcNow.Date },
            [pscustomobject]@{ Name = $null; Size = 1.5; When = $null }
        $items | Export-Json items.json

        $back = Get-Content items.json -Raw | ConvertFrom-Json
        $back.Name | Should -Be 'größe', $null
        $back.Size | Should -Be 3, 1.5
        $back[0].When | Should -Be $items[0].When
    }

    It 'writes JSON Lines for <_>' -ForEach 'items.jsonl', 'items.ndjson' {
        Get-Process -Id $PID | Select-Object Id, ProcessName | Export-Json $_
        1..3 | Export-Json $_ -Append

        Get-Content $_ | Should -HaveCount 4
        (Get-Content $_ -First 1 | ConvertFrom-Json).Id | Should -Be $PID
    }

    It 'leaves a valid file when the pipeline is ended early' {
        $first = 1..1000 | Export-Json items.json -PassThru | Select-Object -First 2

        $first | Should -Be 1, 2
        (Get-Content items.json -Raw | ConvertFrom-Json).Count | Should -BeGreaterOrEqual 2
    }

    It 'leaves a valid file when the pipeline fails' {
        { 1, 2, 3 | ForEach-Object { if ($_ -eq 3) { throw 'upstream' }; $_ } | Export-Json items.json } | Should -Throw 'upstream'

        Get-Content items.json -Raw | ConvertFrom-Json | Should -Be 1, 2
    }

    It 'appends to what is there' {
        1, 2 | Export-Json items.json
        3 | Export-Json items.json -Append

        Get-Content items.json -Raw | ConvertFrom-Json | Should -Be 1, 2, 3
    }

    It 'does not overwrite with -NoClobber' {
        1 | Export-Json items.json
        { 2 | Export-Json items.json -NoClobber } | Should -Throw -ErrorId 'FileExists,ProjectionReplay.PowerShell.ExportJsonCommand'
    }

    It 'writes any object without a complaint' {
        Get-Item $PSHOME, (Get-Process -Id $PID).Path | Export-Json items.json -Depth 1
        $PSVersionTable, (Get-Date), (Get-Command Get-Item), $Host, $ExecutionContext | Export-Json items.json -Depth 2 -Append

        (Get-Content items.json -Raw | ConvertFrom-Json).Count | Should -Be 7
    }

    It 'takes <_> as it is' -ForEach 'a[1].json', '[b] c.json', 'größe 日本.json', "o'brien `$x.json", 'star`*.json' {
        1, 2 | Export-Json $_

        [System.IO.File]::Exists((Join-Path $TestDrive $_)) | Should -BeTrue
        Get-Content -LiteralPath $_ -Raw | ConvertFrom-Json | Should -Be 1, 2
        (Get-ChildItem $TestDrive).Name | Should -Be $_
        Remove-Item -LiteralPath $_
    }

    It 'finds its way into a folder with brackets, from within and from outside' {
        $null = [System.IO.Directory]::CreateDirectory((Join-Path $TestDrive 'x[1] y'))
        1 | Export-Json 'x[1] y/out.json'
        Push-Location -LiteralPath 'x[1] y'
        2 | Export-Json in.json
        Pop-Location

        Get-ChildItem -LiteralPath 'x[1] y' | ForEach-Object Name | Should -Be 'in.json', 'out.json'
        Remove-Item -LiteralPath 'x[1] y' -Recurse
    }

    It 'takes a name with brackets as Tab completes it, for files that are there and new ones' {
        $null = [System.IO.Directory]::CreateDirectory((Join-Path $TestDrive '[1]'))
        1 | Export-Json '[1]/a[b].json'
        $completed = TabExpansion2 '2 | Export-Json [' 17
        $folder = $completed.CompletionMatches[0].CompletionText.Trim("'")

        2 | Export-Json "$folder/a``[b``].json"
        3 | Export-Json "$folder/new.json"

        (Get-ChildItem -LiteralPath '[1]').Name | Should -Be 'a[b].json', 'new.json'
        Get-Content -LiteralPath '[1]/a[b].json' -Raw | ConvertFrom-Json | Should -Be 2
        Remove-Item -LiteralPath '[1]' -Recurse
    }

    It 'refuses <_>, where there are no files' -ForEach 'Env:', 'Function:', 'Variable:' {
        $file = Join-Path $TestDrive 'elsewhere.json'
        Push-Location $_
        try {
            { 1 | Export-Json items.json } | Should -Throw -ErrorId 'PathNotFileSystem,ProjectionReplay.PowerShell.ExportJsonCommand'
            1 | Export-Json $file
        }
        finally {
            Pop-Location
        }

        Get-Content elsewhere.json -Raw | ConvertFrom-Json | Should -Be 1
    }

    It 'writes nothing with -WhatIf, and with $WhatIfPreference' {
        1 | Export-Json items.json -WhatIf
        & { $WhatIfPreference = $true; 1 | Export-Json items.json }

        'items.json' | Should -Not -Exist
    }

    It 'splats, fills variables and is strict' {
        Set-StrictMode -Version Latest
        $arguments = @{ Path = 'items.json'; Depth = 1; Compress = $true; PassThru = $true }
        $outer = Get-Process -Id $PID -PipelineVariable process |
            Export-Json @arguments -OutVariable written |
            ForEach-Object { $process.Id }

        $outer | Should -Be $PID
        $written.Id | Should -Be $PID
    }
}
