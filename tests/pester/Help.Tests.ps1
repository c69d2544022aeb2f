BeforeDiscovery {
    $manifest = & (Join-Path $PSScriptRoot 'Manifest.ps1')
    Import-Module $manifest -Force
    $cmdlets = (Get-Command -Module ProjectionReplay).Name
    $topics = Get-ChildItem (Join-Path $PSScriptRoot '../../docs/about_*.md') | ForEach-Object BaseName
}

BeforeAll {
    $manifest = & (Join-Path $PSScriptRoot 'Manifest.ps1')
    Import-Module $manifest -Force
    $common = [System.Management.Automation.Cmdlet]::CommonParameters

    # A line break behind a word, as with any language that Get-Help knows: a culture that it does not know breaks words.
    $culture = [cultureinfo]::CurrentCulture
    [cultureinfo]::CurrentCulture = 'en-US'
}

AfterAll {
    [cultureinfo]::CurrentCulture = $culture
}

Describe 'The help of <_>' -ForEach $cmdlets {
    BeforeAll {
        $command = Get-Command $_
        $help = Get-Help $_ -Full
    }

    It 'says what the cmdlet does' {
        $help.Synopsis | Should -Match '^[A-Z].+\.$'
        ($help.description.Text -join ' ').Length | Should -BeGreaterThan 100
    }

    It 'explains every parameter, and says of it what is the case' {
        $own = $command.Parameters.Values | Where-Object { $_.Name -notin $common }
        $help.parameters.parameter.name | Sort-Object | Should -Be ($own.Name | Sort-Object)
        foreach ($parameter in $own) {
            $topic = Get-Help $command -Parameter $parameter.Name
            $because = "that is what -$($parameter.Name) is"
            $uses = $parameter.ParameterSets.Values | Select-Object -First 1
            $topic.description.Text | Should -Not -BeNullOrEmpty -Because "-$($parameter.Name) should have help"
            $topic.required | Should -Be "$($uses.IsMandatory)" -Because $because
            $topic.position | Should -Be ($uses.Position -ge 0 ? "$($uses.Position)" : 'named') -Because $because
            $type = [Nullable]::GetUnderlyingType($parameter.ParameterType) ?? $parameter.ParameterType
            $topic.type.name | Should -Be $type.Name -Because $because
            $topic.aliases | Should -Be ($parameter.Aliases ? $parameter.Aliases -join ', ' : 'none') -Because $because
            $topic.pipelineInput.StartsWith('True') |
                Should -Be ($uses.ValueFromPipeline -or $uses.ValueFromPipelineByPropertyName) -Because $because
        }
    }

    It 'has each way to call it' {
        $help.syntax.syntaxItem | Should -HaveCount $command.ParameterSets.Count
        foreach ($item in $help.syntax.syntaxItem) {
            $names = $item.parameter.name | Sort-Object
            $command.ParameterSets |
                Where-Object { -not (Compare-Object $names @($_.Parameters.Name | Where-Object { $_ -notin $common })) } |
                Should -HaveCount 1
        }
    }

    It 'has three examples or more, which parse and use parameters that there are' {
        $help.examples.example.Count | Should -BeGreaterOrEqual 3
        foreach ($example in $help.examples.example) {
            $errors = $null
            $script = [System.Management.Automation.Language.Parser]::ParseInput($example.code, [ref] $null, [ref] $errors)
            $errors | Should -BeNullOrEmpty
            foreach ($call in $script.FindAll({ $args[0] -is [System.Management.Automation.Language.CommandAst] }, $true)) {
                $known = Get-Command $call.GetCommandName()
                if ($known.CommandType -in 'Alias') { $known = $known.ResolvedCommand }
                $used = $call.CommandElements |
                    Where-Object { $_ -is [System.Management.Automation.Language.CommandParameterAst] } |
                    ForEach-Object ParameterName
                $used | Where-Object { -not $known.Parameters.ContainsKey($_) -and $_ -notin $known.Parameters.Values.Aliases } |
                    Should -BeNullOrEmpty -Because "$($known.Name) should have every parameter that '$($example.title)' gives it"
            }
        }
    }

    It 'is plain text that fits a terminal' {
        $text = Get-Help $_ -Full | Out-String -Width 80
        $text | Should -Not -Match '`[^\s]|\*\*|\]\(|(?m)^\s*#'
        $text -split '\r?\n' | ForEach-Object Length | Measure-Object -Maximum | ForEach-Object Maximum | Should -BeLessOrEqual 80

        Get-Help $_ -Examples | Out-String | Should -Match 'Example 3'
        Get-Help $_ -Parameter * | Should -Not -BeNullOrEmpty
    }
}

Describe 'The topic <_>' -ForEach $topics {
    It 'is found, with a summary' {
        $found = Get-Help $_
        $found | Should -Match "^TOPIC\r?\n    $_"
        (Get-Help "$_*" -Category HelpFile).Synopsis | Should -Match '\w+\.$'
    }

    It 'leads to cmdlets and topics that there are' {
        $text = Get-Help $_
        $links = [regex]::Matches($text.Substring($text.IndexOf('SEE ALSO')), '- (\S+)').ForEach{ $_.Groups[1].Value }
        $links | Should -Not -BeNullOrEmpty
        $links | ForEach-Object { (Get-Help $_).Name ?? (Get-Help $_) | Should -Not -BeNullOrEmpty }
    }
}
