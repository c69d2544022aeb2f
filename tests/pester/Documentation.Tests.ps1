# Runs every PowerShell block of the documentation, page by page, in the order in which a reader would.

BeforeDiscovery {
    $root = Resolve-Path (Join-Path $PSScriptRoot '../..')
    $pages = Get-Item (Join-Path $root 'README.md'), (Join-Path $root 'docs/*.md') -Exclude about_* | ForEach-Object {
        $text = Get-Content $_ -Raw
        $number = 0
        $blocks = [regex]::Matches($text, '(?ms)^```powershell\r?\n(.*?)^```') | ForEach-Object {
            $line = ($text.Substring(0, $_.Index) -split "`n").Count + 1
            @{ Line = $line; Code = $_.Groups[1].Value; Title = ($_.Groups[1].Value.Trim() -split "`n")[0] }
        }
        if ($blocks) { @{ Page = $_.Name; Blocks = @($blocks) } }
    }

    # By what a benchmark of the page on performance is called with there: what it is called with here, and what it prints.
    $small = @{
        'throughput all 1000000'                           = ('throughput', 'all', '3000', '1'), 'traceSummary, Mixed log'
        'growth evaluationState 3000000 5 docs/growth.svg' = ('growth', 'evaluationState', '100000', '1', 'growth.svg'), '\| 100,002 \|'
        'sweep evaluationState 300000'                     = ('sweep', 'evaluationState', '3000', '1'), '\| default \| 64 \|'
        'discovery 1000000'                                = ('discovery', '1000', '1'), 'tenantDailyBillableEvents: 1,000 aggregates'
        'skew'                                             = ('skew', '1', '1'), '\| 10 tenants with ten aggregates of three \| 300 \|'
        'inner'                                            = ('inner', '--list', 'flat'), 'InnerLoops\.FoldEvent'
        'fold traceSummary'                                = ('fold', 'traceSummary', '1000', '1'), 'traceSummary'
    }
    $performance = Get-Content (Join-Path $root 'docs/performance.md') -Raw
    $benchmarks = [regex]::Matches($performance, '(?m)^dotnet run -c Release --project bench -- (.*?)\r?$') | ForEach-Object {
        $given = $_.Groups[1].Value
        @{
            Given     = $given
            Arguments = $small.ContainsKey($given) ? $small[$given][0] : $null
            Expected  = $small.ContainsKey($given) ? $small[$given][1] : $null
        }
    }
}

BeforeAll {
    $root = Resolve-Path (Join-Path $PSScriptRoot '../..')
    $manifest = & (Join-Path $PSScriptRoot 'Manifest.ps1')
    Import-Module $manifest -Force
    . (Join-Path $PSScriptRoot 'Sandbox.ps1')
    $sandbox = Start-Sandbox -Seed 3000
    $env:CLICKHOUSE_URL = $sandbox.CLICKHOUSE_URL
    $env:REDIS_URL = $sandbox.REDIS_URL
    $env:DATABASE_URL = $sandbox.DATABASE_URL

    function Invoke-ClickHouse([string] $Sql) {
        $url = [uri] $sandbox.CLICKHOUSE_URL
        Invoke-RestMethod "http://$($url.Authority)/?database=$($url.AbsolutePath.Trim('/'))" -Method Post -Body $Sql
    }

    # In the module's own load context, so that the library stays out of PowerShell's.
    function Invoke-Postgres([string] $Sql) {
        $null = Get-ReplayProjection
        $context = [System.Runtime.Loader.AssemblyLoadContext]::All | Where-Object Name -EQ ProjectionReplay
        $type = $context.LoadFromAssemblyName('Npgsql').GetType('Npgsql.NpgsqlConnection')
        $url = [uri] $sandbox.DATABASE_URL
        $user, $password = $url.UserInfo -split ':'
        $database = $url.AbsolutePath.Trim('/')
        $text = "Host=$($url.Host);Port=$($url.Port);Username=$user;Password=$password;Database=$database"
        $connection = [Activator]::CreateInstance($type, $text)
        try {
            $connection.Open()
            $command = $connection.CreateCommand()
            $command.CommandText = $Sql
            $null = $command.ExecuteNonQuery()
        }
        finally {
            $connection.Dispose()
        }
    }

    # The tables of the page on projections are made as it says.
    $sql = [regex]::Matches((Get-Content (Join-Path $root 'docs/writing-a-projection.md') -Raw), '(?ms)^```sql\r?\n(.*?)^```')
    $null = Invoke-ClickHouse $sql[0].Groups[1].Value
    Invoke-Postgres $sql[1].Groups[1].Value

    $null = Invoke-ClickHouse @'
INSERT INTO event_log
(TenantId, IdempotencyKey, AggregateType, AggregateId, EventId, EventType, EventVersion, EventTimestamp, EventPayload) VALUES
('project_demo1', 't1', 'ticket', 'ticket_1', '1780300800000:t1', 'support.ticket.opened', '1', 1780300800000,
 '{"subject":"It is slow"}'),
('project_demo1', 't2', 'ticket', 'ticket_1', '1780304400000:t2', 'support.ticket.closed', '1', 1780304400000,
 '{"resolution":"faster now"}'),
('project_demo1', 't3', 'ticket', 'ticket_2', '1780308000000:t3', 'support.ticket.opened', '1', 1780308000000,
 '{"subject":"It is too fast"}')
'@

    $one = "SELECT AggregateId FROM event_log WHERE TenantId = 'project_demo1' AND AggregateType = 'evaluation' LIMIT 1"
    $evaluation = (Invoke-ClickHouse $one).Trim()
    $sample = Get-ChildItem (Join-Path $root 'samples/TicketProjections/bin/*/net10.0/TicketProjections.dll') |
        Sort-Object LastWriteTime |
        Select-Object -Last 1

    # What stands for the reader's own in the documentation, and what stands for it here.
    $substitutes = [ordered]@{
        'project_abc123'                                                                   = 'project_demo1'
        'eval_0001'                                                                        = $evaluation
        'Import-Module ProjectionReplay'                                                   = "Import-Module '$manifest'"
        'Import-Module ./ProjectionReplay.psd1'                                            = "Import-Module '$manifest'"
        "(?m)^dotnet build.*$"                                                             = '# The suite has built it.'
        "'https://user:pass@ch.example.com:8443/langwatch'"                                = "'$($sandbox.CLICKHOUSE_URL)'"
        "'redis://redis.example.com:6379'"                                                 = "'$($sandbox.REDIS_URL)'"
        '/var/log/replay'                                                                  = './logs'
        'samples/TicketProjections/bin/Debug/net10.0/TicketProjections.dll'                = "$sample"
    }
}

AfterAll {
    Remove-Item Env:CLICKHOUSE_URL, Env:REDIS_URL, Env:DATABASE_URL, Env:PROJECTION_REPLAY_PATH -ErrorAction Ignore
    if ($sandbox) { Stop-Sandbox $sandbox }
}

Describe '<Page>' -ForEach $pages {
    BeforeAll {
        $folder = New-Item -ItemType Directory (Join-Path $TestDrive $Page)
        $null = New-Item -ItemType Directory (Join-Path $folder logs)
        Copy-Item (Join-Path (Split-Path $manifest) 'bin/dependencies/model-prices.json') (Join-Path $folder our-prices.json)
        $session = [initialsessionstate]::CreateDefault2()
        $session.ImportPSModule("$manifest")
        $runspace = [runspacefactory]::CreateRunspace($session)
        $runspace.Open()
        $runspace.SessionStateProxy.Path.SetLocation($folder)
        $runspace.SessionStateProxy.SetVariable('ConfirmPreference', 'None')
        $runspace.SessionStateProxy.SetVariable('ErrorActionPreference', 'Stop')
    }

    AfterAll {
        $runspace.Dispose()
        Remove-Item Env:PROJECTION_REPLAY_PATH -ErrorAction Ignore
    }

    It 'runs line <Line>: <Title>' -ForEach $Blocks {
        foreach ($name in $substitutes.Keys) {
            $Code = if ($name.StartsWith('(?m)')) {
                $Code -replace $name, $substitutes[$name]
            }
            else {
                $Code.Replace($name, $substitutes[$name])
            }
        }

        $shell = [powershell]::Create($runspace)
        try {
            $output = $shell.AddScript("& { $Code } *>&1 | Out-String -Width 200").Invoke()
            $shell.Streams.Error | Should -BeNullOrEmpty
        }
        catch {
            throw "$($_.Exception.InnerException ?? $_.Exception)`nin:`n$Code`nafter:`n$output"
        }
        finally {
            $shell.Dispose()
        }
    }
}

Describe 'Writing a projection' {
    It 'replays what it shows' {
        Invoke-ClickHouse 'SELECT TicketId, Subject, Resolution FROM ticket_states FINAL ORDER BY TicketId FORMAT CSV' |
            Should -Be "`"ticket_1`",`"It is slow`",`"faster now`"`n`"ticket_2`",`"It is too fast`",\N`n"
        Invoke-Postgres 'DO $$ BEGIN ASSERT (SELECT count = 2 AND date = ''2026-06-01'' FROM "TicketsOpenedDaily"); END $$'
    }

    It 'shows code as it is compiled' {
        $page = Get-Content (Join-Path $root 'docs/writing-a-projection.md') -Raw
        $samples = (Get-ChildItem (Join-Path $root 'samples/TicketProjections') -File | Get-Content -Raw) -join "`n"
        $blocks = [regex]::Matches($page, '(?ms)^```(csharp|xml)\r?\n(.*?)^```')
        $blocks.Count | Should -Be 3
        foreach ($block in $blocks) {
            $code = $block.Groups[2].Value
            $samples.Contains($code.TrimEnd()) | Should -BeTrue -Because "the sample should have:`n$code"
        }
    }
}

Describe 'The benchmarks' {
    BeforeAll {
        # Built once. The module that comes along with it is laid out elsewhere: the one beside the manifest may be in use here.
        $bench = Join-Path $root bench
        $built = & dotnet build $bench -c Release "-p:ModuleRoot=$TestDrive/module/" 2>&1 | Out-String
        $LASTEXITCODE | Should -Be 0 -Because $built
    }

    It 'run in small: <Given>' -ForEach $benchmarks {
        $Arguments | Should -Not -BeNullOrEmpty -Because 'this test should know a small size of it'

        # What they leave in the current location stays out of the checkout.
        $folder = New-Item -ItemType Directory (Join-Path $TestDrive "bench-$($Arguments[0])")
        Push-Location $folder
        try {
            # As the page has it, but for the building.
            $output = & dotnet run --no-build -c Release --project $bench -- $Arguments 2>&1 | Out-String
            $LASTEXITCODE | Should -Be 0 -Because $output
            $output | Should -Match $Expected
            @(Get-ChildItem $folder -Name) -join ' ' | Should -Be (@($Arguments -like '*.svg') -join ' ')
        }
        finally {
            Pop-Location
        }
    }
}

Describe 'Troubleshooting' {
    It 'knows every error id' {
        $page = Get-Content (Join-Path $root 'docs/troubleshooting.md')
        $sources = Get-ChildItem (Join-Path $root 'src/ProjectionReplay.Core/Faults/ReplayException.cs') | Get-Content -Raw
        $ids = [regex]::Matches($sources, '(?m)^    ([A-Z]\w+),').ForEach{ $_.Groups[1].Value }
        $ids.Count | Should -BeGreaterThan 20
        $ids | Where-Object { "### $_" -notin $page } | Should -BeNullOrEmpty
    }
}

Describe 'Links' {
    It 'lead somewhere' {
        $pages = 'README.md', 'docs/*.md', 'docs/cmdlets/*.md' | ForEach-Object { Join-Path $root $_ }
        $broken = foreach ($page in Get-Item $pages) {
            foreach ($link in [regex]::Matches((Get-Content $page -Raw), '\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)')) {
                if (-not (Test-Path -LiteralPath (Join-Path $page.DirectoryName $link.Groups[1].Value))) {
                    "$($page.Name): $($link.Groups[1].Value)"
                }
            }
        }
        $broken | Should -BeNullOrEmpty
    }
}
