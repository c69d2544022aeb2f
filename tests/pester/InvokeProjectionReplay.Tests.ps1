BeforeAll {
    $manifest = & (Join-Path $PSScriptRoot 'Manifest.ps1')
    Import-Module $manifest -Force
    . (Join-Path $PSScriptRoot 'Sandbox.ps1')
    $sandbox = Start-Sandbox -Seed 3000
    $env:CLICKHOUSE_URL = $sandbox.CLICKHOUSE_URL
    $env:REDIS_URL = $sandbox.REDIS_URL
    $env:DATABASE_URL = $sandbox.DATABASE_URL

    $tenant = 'project_demo1'
    $since = '2020-01-01'
}

AfterAll {
    Remove-Item Env:CLICKHOUSE_URL, Env:REDIS_URL, Env:DATABASE_URL -ErrorAction Ignore
    if ($sandbox) { Stop-Sandbox $sandbox }
}

Describe 'A replay' {
    BeforeEach {
        Push-Location (New-Item -ItemType Directory (Join-Path $TestDrive ([guid]::NewGuid())))
    }

    AfterEach {
        Pop-Location
    }

    It 'is planned first' {
        $plan = Invoke-ProjectionReplay evaluationState $tenant $since -WhatIf

        $plan.AggregateCount | Should -BeGreaterThan 0
        $plan.EventCount | Should -BeGreaterThan $plan.AggregateCount
        $plan.PreviousCompletedCount | Should -Be 0
        Get-ChildItem | Should -BeNullOrEmpty
    }

    It 'names the event types that are never folded, beside its plan' {
        $url = [uri] $env:CLICKHOUSE_URL
        $null = Invoke-RestMethod "http://$($url.Authority)/?database=$($url.AbsolutePath.Trim('/'))" -Method Post -Body @'
            INSERT INTO event_log (TenantId, AggregateType, AggregateId, EventId, EventType, EventTimestamp)
            VALUES ('project_other', 'evaluation', 'e1', '1', 'lw.evaluation.reported', 1767225600000)
'@
        $said, $plan = Invoke-ProjectionReplay evaluationState project_other $since -WhatIf 3>$null 6>&1

        $said | Should -BeOfType System.Management.Automation.InformationRecord
        "$said" | Should -Match "never folds .* 'lw\.evaluation\.reported'"
        $plan.AggregateCount | Should -Be 0
    }

    It 'is run, filtered and exported' {
        $plan = Invoke-ProjectionReplay evaluationState $tenant $since -WhatIf
        Get-ReplayProjection evaluationState |
            Invoke-ProjectionReplay -TenantId $tenant -Since $since -AggregateBatchSize 20 |
            Export-Json run.json

        $entries = Get-Content run.json -Raw | ConvertFrom-Json
        $entries[0].Step | Should -Be 'start'
        $entries[-1].Step | Should -Be 'complete'
        $entries[-1].AggregatesReplayed | Should -Be $plan.AggregateCount
        $log = Get-Content projection-replay-evaluationState-*.jsonl | ConvertFrom-Json
        $log.step | Should -Be $entries.Step
    }

    It 'runs every projection, the counters in Postgres too' {
        $entries = Get-ReplayProjection | Invoke-ProjectionReplay -TenantId $tenant -Since $since

        ($entries | Where-Object Step -EQ complete).Projection | Should -Be (Get-ReplayProjection).Name
    }

    It 'goes into tables, CSV and JSON as it is' {
        $entries = Invoke-ProjectionReplay evaluationState $tenant $since
        $entries | Format-Table | Out-String -Width 200 | Should -Match 'replay-batch\s+1/1'
        $entries | ConvertTo-Csv | Should -HaveCount ($entries.Count + 1)
        ($entries | ConvertTo-Json | ConvertFrom-Json).Count | Should -Be $entries.Count
    }

    It 'shows its plans on 80 columns, the longest projection names too' {
        $text = Get-ReplayProjection | Invoke-ProjectionReplay -TenantId $tenant -Since $since -WhatIf | Out-String -Width 80

        $text | Should -Match "Plan: $tenant since 2020-01-01\s"
        $text | Should -Match '(?m)^Projection +Aggregates +Events +Batches +Completed +Markers\s*$'
        $text | Should -Match '(?m)^projectDailyBillableEvents +\d+ +\d+ +\d+ +0 +0\s*$'
    }

    It 'is ended by Select-Object and leaves nothing marked' {
        $entries = Invoke-ProjectionReplay evaluationState $tenant $since -AggregateBatchSize 5 | Select-Object -First 3

        $entries.Step | Should -Be 'start', 'discover', 'mark-batch'
        Send-Redis $sandbox HLEN, 'projection-replay:cutoff:evaluationState' | Should -Be ':0'
    }

    It 'says what to do about an interrupted one' {
        $null = Send-Redis $sandbox HSET, 'projection-replay:cutoff:evaluationState', "${tenant}:evaluation:lost", 'pending'

        { Invoke-ProjectionReplay evaluationState $tenant $since } |
            Should -Throw -ErrorId 'PreviousRunFound,ProjectionReplay.PowerShell.InvokeProjectionReplayCommand'

        (Invoke-ProjectionReplay evaluationState $tenant $since -Resume)[-1].Step | Should -Be 'complete'
        Send-Redis $sandbox HLEN, 'projection-replay:cutoff:evaluationState' | Should -Be ':0'
    }

    It 'is asked for by the rows of a CSV file' {
        'project_demo1', 'project_demo2' |
            ForEach-Object { [pscustomobject]@{ Projection = 'evaluationState'; TenantId = $_; Since = $since } } |
            Export-Csv runs.csv

        $done = Import-Csv runs.csv | Invoke-ProjectionReplay | Where-Object Step -EQ complete

        $done.TenantId | Should -Be 'project_demo1', 'project_demo2'
    }
}

Describe 'Invoke-ProjectionReplay in a script' {
    BeforeAll {
        # Runs a script in a pwsh of its own, as cron would, and returns its exit code and all that it printed.
        function Invoke-Script([string] $Text, [switch] $AsCommand) {
            $lines = if ($AsCommand) {
                pwsh -NoProfile -NonInteractive -Command "Import-Module '$manifest'; $Text" 2>&1
            }
            else {
                Set-Content script.ps1 "Import-Module '$manifest'", $Text
                pwsh -NoProfile -NonInteractive -File script.ps1 2>&1
            }
            @{ ExitCode = $LASTEXITCODE; Text = ($lines | ForEach-Object { "$_" }) -join "`n" }
        }
    }

    BeforeEach {
        Push-Location (New-Item -ItemType Directory (Join-Path $TestDrive ([guid]::NewGuid())))
    }

    AfterEach {
        Pop-Location
    }

    It 'splats, and fills -OutVariable and -PipelineVariable, in strict mode' {
        Set-StrictMode -Version Latest
        $arguments = @{ Projection = 'evaluationState'; TenantId = $tenant; Since = $since; AggregateBatchSize = 50; Concurrency = 2 }

        $steps = Invoke-ProjectionReplay @arguments -OutVariable entries -PipelineVariable entry | ForEach-Object { $entry.Step }

        $steps | Should -Be $entries.Step
        $entries | Format-Table | Out-String -Width 200 | Should -Match 'complete'
        $entries[-1] | Format-List | Out-String | Should -Match 'AggregatesReplayed'
    }

    It 'ends with a terminating error with -ErrorAction <_>' -ForEach 'SilentlyContinue', 'Ignore', 'Continue', 'Stop' {
        $action = $_
        { Invoke-ProjectionReplay nope $tenant $since -ErrorAction $action } | Should -Throw -ErrorId 'ProjectionNotFound,*'
    }

    It 'sets $? and goes on in a script that does not stop at errors, which then has to look itself' {
        $run = Invoke-Script "Invoke-ProjectionReplay nope $tenant $since; `"worked: `$?`"; exit 3"

        $run.Text | Should -Match 'worked: False'
        $run.ExitCode | Should -Be 3
    }

    It 'has an exit code: <Code> for <Projection> with <How>' -ForEach @(
        @{ How = '-File'; Projection = 'evaluationState'; Code = 0 }
        @{ How = '-File'; Projection = 'nope'; Code = 1 }
        @{ How = '-Command'; Projection = 'evaluationState'; Code = 0 }
        @{ How = '-Command'; Projection = 'nope'; Code = 1 }
    ) {
        $script = "`$ErrorActionPreference = 'Stop'; Invoke-ProjectionReplay $Projection $tenant $since -Resume | Out-Null"
        $run = Invoke-Script $script -AsCommand:($How -eq '-Command')

        $run.ExitCode | Should -Be $Code
    }

    It 'never waits for an answer where nobody is: <_>' -ForEach '-Confirm', '; $ConfirmPreference = ''Low'';' {
        $before = if ($_ -like ';*') { $_ }
        $behind = if ($_ -like '-*') { $_ }
        $run = Invoke-Script "`$ErrorActionPreference = 'Stop'; $before Invoke-ProjectionReplay evaluationState $tenant $since $behind"

        $run.ExitCode | Should -Be 1
        ($run.Text -replace '\e\[[\d;]*m' -replace '\s*\|?\s+', ' ') | Should -Match '-Confirm:\$false'
        Get-ChildItem *.jsonl | Should -BeNullOrEmpty
    }

    It 'does not ask with -Confirm:$false, and not at all by default' {
        $run = Invoke-Script ("`$ErrorActionPreference = 'Stop'; `$ConfirmPreference = 'Low'; " +
            "Invoke-ProjectionReplay evaluationState $tenant $since -Confirm:`$false | Out-Null")

        $run.ExitCode | Should -Be 0
        Get-ChildItem *.jsonl | Should -HaveCount 1
    }

    It 'is a dry run with $WhatIfPreference, and not with -WhatIf:$false' {
        $plan, $done = & {
            $WhatIfPreference = $true
            Invoke-ProjectionReplay evaluationState $tenant $since
            (Invoke-ProjectionReplay evaluationState $tenant $since -WhatIf:$false)[-1]
        }

        $plan.AggregateCount | Should -BeGreaterThan 0
        $done.Step | Should -Be 'complete'
    }

    It 'replays several tenants at once with ForEach-Object -Parallel' {
        $tenants = 'project_demo1', 'project_demo2', 'project_demo3'
        $done = $tenants | ForEach-Object -Parallel {
            Import-Module $using:manifest
            Invoke-ProjectionReplay evaluationState $_ $using:since -LogDirectory $using:PWD | Where-Object Step -EQ complete
        }

        $done.TenantId | Sort-Object | Should -Be $tenants
        $done.AggregatesReplayed | ForEach-Object { $_ | Should -BeGreaterThan 0 }
        Get-ChildItem *.jsonl | Should -HaveCount 3
    }

    It 'replays several tenants at once with Start-ThreadJob' {
        if (-not (Get-Command Start-ThreadJob -ErrorAction Ignore)) {
            Set-ItResult -Skipped -Because 'the module ThreadJob is not on this machine'
        }
        $jobs = 'project_demo1', 'project_demo2', 'project_demo3' | ForEach-Object {
            Start-ThreadJob -ArgumentList $manifest, $_, $since, $PWD {
                param($manifest, $tenant, $since, $logs)
                Import-Module $manifest
                Invoke-ProjectionReplay tenantDailyBillableEvents $tenant $since -LogDirectory $logs -WarningAction SilentlyContinue
            }
        }
        $done = $jobs | Receive-Job -Wait -AutoRemoveJob | Where-Object Step -EQ complete

        $done.TenantId | Sort-Object | Should -Be 'project_demo1', 'project_demo2', 'project_demo3'
    }

    It 'writes its log into <_>' -ForEach '[1] logs', 'größe 日本', "o'brien `$x" {
        $null = [System.IO.Directory]::CreateDirectory((Join-Path $PWD $_))

        $last = (Invoke-ProjectionReplay evaluationState $tenant $since -LogDirectory $_)[-1]

        [System.IO.Path]::GetDirectoryName($last.LogPath) | Should -Be (Join-Path $PWD $_)
        [System.IO.File]::ReadAllLines($last.LogPath)[-1] | Should -Match '"complete"'

        # And so it does when it is there.
        Push-Location -LiteralPath $_
        (Invoke-ProjectionReplay evaluationState $tenant $since)[-1].Step | Should -Be 'complete'
        Pop-Location
        Get-ChildItem -LiteralPath $_ | Should -HaveCount 2
    }

    It 'writes its log into a folder with brackets as Tab completes its name' {
        $null = [System.IO.Directory]::CreateDirectory((Join-Path $PWD '[1] logs'))
        $line = "Invoke-ProjectionReplay evaluationState $tenant $since -LogDirectory ["
        $completed = TabExpansion2 $line $line.Length

        $whole = $line.Substring(0, $completed.ReplacementIndex) + $completed.CompletionMatches[0].CompletionText
        $last = Invoke-Expression $whole | Select-Object -Last 1

        Split-Path $last.LogPath | Should -Be (Join-Path $PWD '[1] logs')
    }

    It 'reads prices from <_>' -ForEach '[a] prices.json', 'größe 日本.json' {
        [System.IO.File]::WriteAllText((Join-Path $PWD $_), '{"models": {"x/y": {"pricing": {"inputCostPerToken": 1}}}}')

        (Invoke-ProjectionReplay traceSummary $tenant $since -ModelPricePath $_ -WhatIf).AggregateCount | Should -BeGreaterThan 0
        { Invoke-ProjectionReplay traceSummary $tenant $since -ModelPricePath "no $_" -WhatIf } |
            Should -Throw "*no $([WildcardPattern]::Escape($_))*" -ErrorId 'ModelPricesInvalid,*'
    }

    It 'says where else the log could go when the location cannot be written to (in /proc, which Linux has)' -Skip:(-not $IsLinux) {
        Push-Location /proc
        try {
            { Invoke-ProjectionReplay evaluationState $tenant $since } | Should -Throw '*-LogDirectory*' -ErrorId 'LogUnavailable,*'
        }
        finally {
            Pop-Location
        }

        Send-Redis $sandbox HLEN, 'projection-replay:cutoff:evaluationState' | Should -Be ':0'
    }

    It 'needs a folder for its log in <_>' -ForEach 'Env:', 'Function:' {
        $folder = "$PWD"
        Push-Location $_
        try {
            { Invoke-ProjectionReplay evaluationState $tenant $since } | Should -Throw '*-LogDirectory*' -ErrorId 'LogDirectoryMissing,*'
            (Invoke-ProjectionReplay evaluationState $tenant $since -LogDirectory $folder)[-1].LogPath | Should -BeLike "$folder*"
            (Invoke-ProjectionReplay evaluationState $tenant $since -WhatIf).AggregateCount | Should -BeGreaterThan 0
        }
        finally {
            Pop-Location
        }
    }

    It 'names what is wrong with <Name>' -ForEach @(
        @{ Name = 'Since'; Arguments = @{ Since = 'tomorrow' }; Says = '*yyyy-MM-dd*' }
        @{ Name = 'DrainTimeout'; Arguments = @{ DrainTimeout = 'soon' }; Says = '*hours:minutes:seconds*' }
        @{ Name = 'Concurrency'; Arguments = @{ Concurrency = 0 }; Says = '*1*' }
        @{ Name = 'TenantId'; Arguments = @{ TenantId = '' }; Says = '*TenantId*' }
        @{ Name = 'Shard'; Arguments = @{ Shard = 'all' }; Says = '*3/8*' }
        @{ Name = 'ClickHouseUrl'; Arguments = @{ ClickHouseUrl = 'nonsense' }; Says = '*-ClickHouseUrl*http://*' }
        @{ Name = 'Resume and Restart'; Arguments = @{ Resume = $true; Restart = $true }; Says = '*parameter set*' }
    ) {
        $all = @{ Projection = 'evaluationState'; TenantId = $tenant; Since = $since }
        foreach ($key in $Arguments.Keys) { $all[$key] = $Arguments[$key] }

        { Invoke-ProjectionReplay @all } | Should -Throw $Says
    }
}
