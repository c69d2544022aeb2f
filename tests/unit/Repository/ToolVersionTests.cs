using System.Text.Json;
using System.Xml.Linq;
using ProjectionReplay.Cmdlets;

namespace ProjectionReplay.Repository;

/// <summary>The PowerShell of the tool manifest, which people start, is the one that tests play a person in.</summary>
public sealed class ToolVersionTests
{
    [Fact]
    public void PowerShell_has_one_version()
    {
        var tools = JsonElement.Parse(File.ReadAllBytes(Path.Combine(RepositoryLayout.Root, ".config", "dotnet-tools.json")));
        var packages = XDocument.Load(Path.Combine(RepositoryLayout.Root, "Directory.Packages.props"));
        var linked = packages.Descendants("PackageVersion")
            .Single(package => (string?)package.Attribute("Include") == "System.Management.Automation");

        var version = tools.GetProperty("tools").GetProperty("powershell").GetProperty("version").GetString();

        Assert.Equal(version, packages.Descendants("PowerShellToolVersion").Single().Value);
        Assert.Equal(version, (string?)linked.Attribute("Version"));
    }
}
