using System.Text;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace ProjectionReplay.Help;

/// <summary>Takes the markup off a line of Markdown.</summary>
internal static class MarkdownText
{
    /// <summary>The text of a paragraph or heading, on one line.</summary>
    /// <exception cref="PageException">It holds something that is not text.</exception>
    public static string Of(string file, LeafBlock block)
    {
        var text = new StringBuilder();
        foreach (var inline in block.Inline ?? []) Append(text, inline, file, block);
        return text.ToString();
    }

    private static void Append(StringBuilder text, Inline inline, string file, LeafBlock block)
    {
        switch (inline)
        {
            case LiteralInline literal:
                text.Append(literal.Content.ToString());
                break;
            case CodeInline code:
                text.Append(code.Content);
                break;
            case LineBreakInline { IsHard: false }:
                text.Append(' ');
                break;
            case LinkInline { IsImage: false, Url: { } url } link:
                foreach (var part in link) Append(text, part, file, block);
                if (Uri.TryCreate(url, UriKind.Absolute, out _)) text.Append(" (").Append(url).Append(')');
                break;
            case AutolinkInline link:
                text.Append(link.Url);
                break;
            case EmphasisInline emphasis:
                foreach (var part in emphasis) Append(text, part, file, block);
                break;
            default:
                throw new PageException(
                    file,
                    inline.Line + 1,
                    $"Help cannot show a {inline.GetType().Name}. Write what looks like a tag or an entity as `code`.");
        }
    }
}
