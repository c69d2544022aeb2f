using System.Text;

namespace ProjectionReplay.Help;

/// <summary>Writes a page <c>docs/about_*.md</c> as the plain text that <c>Get-Help about_*</c> shows.</summary>
internal static class AboutTopic
{
    // Get-Help takes its list's summary from a line of this text, the fifth: so it has to fit on it.
    private const int LongestSummary = 74;
    private const int Width = 79;
    private const string Indent = "    ";

    /// <summary>The topic's text.</summary>
    /// <exception cref="PageException">The page does not have the form of a topic.</exception>
    public static string Write(MarkdownPage page)
    {
        if (page.Title != Path.GetFileNameWithoutExtension(page.File))
        {
            throw new PageException(page.File, 1, "The title must be the file's name.");
        }

        if (page.Sections is not [{ Title: "SHORT DESCRIPTION", Blocks: [HelpParagraph summary] }, { Title: "LONG DESCRIPTION" }, ..])
        {
            throw new PageException(page.File, 1, "A topic begins with a SHORT DESCRIPTION of one paragraph and a LONG DESCRIPTION.");
        }

        if (summary.Text.Length > LongestSummary)
        {
            throw new PageException(page.File, summary.Line, $"The short description must have {LongestSummary} characters at the most.");
        }

        var text = new StringBuilder($"TOPIC\n{Indent}{page.Title}\n");
        foreach (var section in page.Sections)
        {
            text.Append('\n').Append(section.Level == 2 ? section.Title.ToUpperInvariant() : "  " + section.Title).Append('\n');
            for (var index = 0; index < section.Blocks.Count; index++)
            {
                if (index > 0) text.Append('\n');
                Append(page, text, section.Blocks[index]);
            }
        }

        return text.ToString();
    }

    private static void Append(MarkdownPage page, StringBuilder text, HelpBlock block)
    {
        switch (block)
        {
            case HelpParagraph paragraph:
                AppendWrapped(text, paragraph.Text, Indent, Indent);
                break;
            case HelpList list:
                foreach (var item in list.Items)
                {
                    AppendWrapped(text, item, Indent, Indent + new string(' ', item.IndexOf(' ', StringComparison.Ordinal) + 1));
                }

                break;
            case HelpCode code:
                foreach (var line in code.Text.Split('\n'))
                {
                    if (Indent.Length + line.Length > Width)
                    {
                        throw new PageException(
                            page.File, code.Line, $"A line of code must have {Width - Indent.Length} characters at the most: {line}");
                    }

                    text.Append((Indent + line).TrimEnd()).Append('\n');
                }

                break;
            case HelpTable table:
                foreach (var (term, meaning) in table.Rows)
                {
                    AppendWrapped(text, term, Indent, Indent);
                    AppendWrapped(text, meaning, Indent + Indent, Indent + Indent);
                }

                break;
        }
    }

    private static void AppendWrapped(StringBuilder text, string content, string first, string others)
    {
        var line = new StringBuilder(first);
        var isEmpty = true;
        foreach (var word in content.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!isEmpty && line.Length + 1 + word.Length > Width)
            {
                text.Append(line).Append('\n');
                line.Clear().Append(others);
                isEmpty = true;
            }

            if (!isEmpty) line.Append(' ');
            line.Append(word);
            isEmpty = false;
        }

        text.Append(line).Append('\n');
    }
}
