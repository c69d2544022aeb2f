using System.Management.Automation;
using System.Text;
using System.Xml;
using System.Xml.Linq;

namespace ProjectionReplay.Help;

/// <summary>Writes the help of cmdlets in MAML, the form in which PowerShell reads it.</summary>
internal static class MamlWriter
{
    private static readonly XNamespace Msh = "http://msh";
    private static readonly XNamespace Maml = "http://schemas.microsoft.com/maml/2004/10";
    private static readonly XNamespace Command = "http://schemas.microsoft.com/maml/dev/command/2004/10";
    private static readonly XNamespace Dev = "http://schemas.microsoft.com/maml/dev/2004/10";

    /// <summary>Writes a file for some cmdlets.</summary>
    public static void Write(string path, IEnumerable<(CmdletShape Cmdlet, CmdletPage Page)> cmdlets)
    {
        var root = new XElement(
            Msh + "helpItems", new XAttribute("schema", "maml"), cmdlets.Select(item => Describe(item.Cmdlet, item.Page)));
        var settings = new XmlWriterSettings
        {
            Encoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
            Indent = true,
            NewLineChars = "\n",
            NewLineHandling = NewLineHandling.None,
        };
        using var writer = XmlWriter.Create(path, settings);
        root.Save(writer);
    }

    private static XElement Describe(CmdletShape cmdlet, CmdletPage page) => new(
        Command + "command",
        new XAttribute(XNamespace.Xmlns + "maml", Maml),
        new XAttribute(XNamespace.Xmlns + "command", Command),
        new XAttribute(XNamespace.Xmlns + "dev", Dev),
        new XElement(
            Command + "details",
            new XElement(Command + "name", cmdlet.Name),
            new XElement(Command + "verb", cmdlet.Verb),
            new XElement(Command + "noun", cmdlet.Noun),
            new XElement(Maml + "description", Paragraph(page.Synopsis))),
        new XElement(Maml + "description", Paragraphs(page.Description)),
        new XElement(Command + "syntax", cmdlet.ParameterSets.Select(set => Syntax(cmdlet, page, set))),
        new XElement(
            Command + "parameters", cmdlet.Parameters.Select(parameter => Parameter(parameter, page, parameter.Uses.Values.First()))),
        new XElement(Command + "inputTypes", page.Inputs.Select(section => Type(Command + "inputType", section))),
        new XElement(Command + "returnValues", page.Outputs.Select(section => Type(Command + "returnValue", section))),
        new XElement(Maml + "alertSet", new XElement(Maml + "alert", Paragraphs(page.Notes))),
        new XElement(Command + "examples", page.Examples.Select(Example)),
        new XElement(
            Command + "relatedLinks",
            page.Links.Select(
                link => new XElement(Maml + "navigationLink", new XElement(Maml + "linkText", link), new XElement(Maml + "uri")))));

    private static XElement Syntax(CmdletShape cmdlet, CmdletPage page, string set)
    {
        var used = cmdlet.Parameters
            .Select(parameter => (Parameter: parameter, Use: parameter.UseIn(set)))
            .Where(item => item.Use is not null)
            .OrderBy(item => item.Use!.Position == int.MinValue ? int.MaxValue : item.Use.Position);
        return new XElement(
            Command + "syntaxItem",
            new XElement(Maml + "name", cmdlet.Name),
            used.Select(item => Parameter(item.Parameter, page, item.Use!)));
    }

    private static XElement Parameter(ParameterShape parameter, CmdletPage page, ParameterAttribute use)
    {
        var element = new XElement(
            Command + "parameter",
            new XAttribute("required", use.Mandatory ? "true" : "false"),
            new XAttribute("variableLength", "true"),
            new XAttribute("globbing", parameter.AcceptsWildcards ? "true" : "false"),
            new XAttribute("pipelineInput", Pipeline(use)),
            new XAttribute("position", use.Position == int.MinValue ? "named" : use.Position),
            new XAttribute("aliases", parameter.Aliases.Count == 0 ? "none" : string.Join(", ", parameter.Aliases)),
            new XElement(Maml + "name", parameter.Name),
            new XElement(Maml + "description", Paragraphs(Describe(parameter, page))));
        if (parameter.Values.Count > 0)
        {
            element.Add(new XElement(
                Command + "parameterValueGroup",
                parameter.Values.Select(
                    value => new XElement(
                        Command + "parameterValue",
                        new XAttribute("required", "false"),
                        new XAttribute("variableLength", "false"),
                        value))));
        }

        if (!parameter.IsSwitch)
        {
            element.Add(
                new XElement(
                    Command + "parameterValue",
                    new XAttribute("required", "true"),
                    new XAttribute("variableLength", "false"),
                    parameter.TypeName));
        }

        element.Add(
            new XElement(Dev + "type", new XElement(Maml + "name", parameter.TypeName), new XElement(Maml + "uri")),
            new XElement(Dev + "defaultValue", parameter.DefaultValue ?? "None"));
        return element;
    }

    private static List<HelpBlock> Describe(ParameterShape parameter, CmdletPage page) =>
        page.Parameters.TryGetValue(parameter.Name, out var section) ? section.Blocks
        : parameter.Name switch
        {
            "WhatIf" => [new HelpParagraph(0, "Says what the cmdlet would do, and does not do it.")],
            "Confirm" => [new HelpParagraph(0, "Asks for your confirmation before the cmdlet does it.")],
            _ => [],
        };

    private static string Pipeline(ParameterAttribute use) => (use.ValueFromPipeline, use.ValueFromPipelineByPropertyName) switch
    {
        (true, true) => "True (ByPropertyName, ByValue)",
        (true, false) => "True (ByValue)",
        (false, true) => "True (ByPropertyName)",
        _ => "False",
    };

    private static XElement Type(XName name, PageSection section) => new(
        name,
        new XElement(Dev + "type", new XElement(Maml + "name", section.Title)),
        new XElement(Maml + "description", Paragraphs(section.Blocks)));

    // The title is shown as it is, in the midst of text, and the next example right behind the last paragraph.
    private static XElement Example(HelpExample example) => new(
        Command + "example",
        new XElement(Maml + "title", $"------- {example.Title} -------"),
        new XElement(Dev + "code", example.Code.Text),
        new XElement(Dev + "remarks", Paragraphs(example.Remarks), Paragraph("")));

    private static IEnumerable<XElement> Paragraphs(IEnumerable<HelpBlock> blocks) => blocks.SelectMany(block => block switch
    {
        HelpParagraph paragraph => [Paragraph(paragraph.Text)],
        HelpList list => list.Items.Select(Paragraph),
        HelpTable table => table.Rows.Select(row => Paragraph($"- {row.Term}: {row.Text}")),
        HelpCode code => [Paragraph(string.Join('\n', code.Text.Split('\n').Select(line => "    " + line)))],
        _ => (IEnumerable<XElement>)[],
    });

    private static XElement Paragraph(string text) => new(Maml + "para", text);
}
