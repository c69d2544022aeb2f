BeforeAll {
    $manifest = & (Join-Path $PSScriptRoot 'Manifest.ps1')
    $module = Split-Path $manifest
    $version = Split-Path -Leaf $module
    $package = Join-Path $module "../../ProjectionReplay.$version.nupkg"
    if (-not (Test-Path $package)) { throw "There is no package beside $module. Run ./build.ps1 -Task Package first." }
    $assemblies = Get-ChildItem $module -Recurse -Filter *.dll
    $references = @{}
    foreach ($assembly in $assemblies) {
        $image = [System.Reflection.PortableExecutable.PEReader]::new([System.IO.File]::OpenRead($assembly))
        $metadata = [System.Reflection.Metadata.PEReaderExtensions]::GetMetadataReader($image)
        $references[$assembly.BaseName] = $metadata.AssemblyReferences.ForEach{
            $metadata.GetString($metadata.GetAssemblyReference($_).Name)
        }
        $image.Dispose()
    }
}

Describe 'The package' {
    It 'has a manifest without a fault' {
        $null = Test-ModuleManifest $manifest -ErrorAction Stop -WarningVariable warnings
        $warnings | Should -BeNullOrEmpty
    }

    It 'ships the assemblies that are needed, and no others' {
        $needed = [System.Collections.Generic.HashSet[string]]::new()
        $todo = [System.Collections.Generic.Queue[string]]::new([string[]] 'ProjectionReplay.PowerShell')
        while ($todo.Count) {
            $name = $todo.Dequeue()
            if ($references.ContainsKey($name) -and $needed.Add($name)) { $references[$name] | ForEach-Object { $todo.Enqueue($_) } }
        }

        $assemblies.BaseName | Sort-Object | Should -Be ($needed | Sort-Object)
    }

    It 'lacks no assembly: what is not shipped is of .NET or of PowerShell itself' {
        $shipped = $assemblies.BaseName
        $missing = $references.Values | ForEach-Object { $_ } | Where-Object { $_ -notin $shipped } | Sort-Object -Unique
        $folders = (Split-Path ([object].Assembly.Location)), $PSHOME
        $missing |
            Where-Object { $name = $_; -not ($folders | Where-Object { Test-Path (Join-Path $_ "$name.dll") }) } |
            Should -BeNullOrEmpty
    }

    It 'ships nothing else that nobody needs' {
        $files = Get-ChildItem $module -Recurse -File -Force | ForEach-Object {
            [System.IO.Path]::GetRelativePath($module, $_).Replace('\', '/')
        }
        $files | Where-Object { $_ -notlike 'bin/*.dll' -and $_ -notlike 'docs/*' -and $_ -notlike 'en-US/*' } | Sort-Object | Should -Be @(
            '.env.example', 'bin/dependencies/model-prices.json', 'bin/ProjectionReplay.Format.ps1xml', 'CHANGELOG.md',
            'LICENSE', 'ProjectionReplay.psd1', 'README.md', 'THIRD-PARTY-NOTICES.txt')
    }

    It 'has the files that its README points to' {
        $readme = Get-Content -Raw (Join-Path $module 'README.md')
        $links = [regex]::Matches($readme, '\]\((?<path>[\w./-]+)\)').ForEach{ $_.Groups['path'].Value }
        $links | Should -Not -BeNullOrEmpty
        $links | Where-Object { -not (Test-Path (Join-Path $module $_)) } | Should -BeNullOrEmpty
    }

    It 'names every assembly of others with its licence' {
        $notices = Get-Content -Raw (Join-Path $module 'THIRD-PARTY-NOTICES.txt')
        foreach ($assembly in $assemblies | Where-Object Name -NotLike 'ProjectionReplay.*') {
            $notices | Should -Match "(?m)^    Assemblies  (.*, )?$([regex]::Escape($assembly.Name))(, .*)?\n    Licence     \S+"
        }
        'Permission is hereby granted', 'Apache License', 'NPGSQL SPECIFICALLY DISCLAIMS', 'Redistribution and use' |
            ForEach-Object { $notices | Should -Match $_ }
    }

    It 'says nothing of the machine that it was made on' {
        $root = (Resolve-Path (Join-Path $PSScriptRoot '../..')).Path
        $assemblies |
            Where-Object { [System.Text.Encoding]::UTF8.GetString([System.IO.File]::ReadAllBytes($_)).Contains($root) } |
            Should -BeNullOrEmpty
    }

    It 'is what PowerShell installs (in a home of its own, which Windows cannot be told)' -Skip:$IsWindows {
        # In a home of its own, so that nothing stays behind; Windows does not let itself be told where that is. Without
        # .config the package manager would put its own into the current location.
        $folders = 'gallery', '.local/share', '.config' | ForEach-Object { Join-Path $TestDrive $_ }
        $gallery, $null = New-Item -ItemType Directory $folders
        $script = @"
            `$ErrorActionPreference, `$ProgressPreference = 'Stop', 'SilentlyContinue'
            Register-PSResourceRepository Shelf -Uri '$gallery' -Trusted
            Publish-PSResource -NupkgPath '$package' -Repository Shelf
            Install-PSResource ProjectionReplay -Repository Shelf
            Import-Module ProjectionReplay
            [pscustomobject] @{
                Installed   = Get-InstalledPSResource ProjectionReplay |
                    Select-Object Name, Version, Author, Tags, LicenseUri,
                        @{ n = 'Type'; e = { "`$(`$_.Type)" } },
                        @{ n = 'Version'; e = { "`$(`$_.Version)" } } -ExcludeProperty Version
                Path        = (Get-Module ProjectionReplay).ModuleBase
                Projections = (Get-ReplayProjection).Count
                Synopsis    = (Get-Help Invoke-ProjectionReplay).Synopsis
            } | ConvertTo-Json -Depth 3 -Compress
"@
        $unset = 'XDG_DATA_HOME', 'XDG_CACHE_HOME', 'XDG_CONFIG_HOME', 'PSModulePath' | ForEach-Object { '-u', $_ }
        $result = & /usr/bin/env @unset HOME=$TestDrive pwsh -NoProfile -NonInteractive -Command $script
        $LASTEXITCODE | Should -Be 0 -Because "$result"
        $result = $result | ConvertFrom-Json

        $result.Path | Should -BeLike "$TestDrive*$version"
        $result.Installed.Version, $result.Installed.Type | Should -Be $version, 'Module'
        $result.Installed.Tags | Should -Contain 'PSEdition_Core'
        $result.Installed.LicenseUri | Should -Be 'https://licenses.nuget.org/MIT'
        $result.Projections | Should -BeGreaterThan 5
        $result.Synopsis | Should -Match 'fold projections'
    }
}
