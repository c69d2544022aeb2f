using System.Text;

namespace ProjectionReplay.Sandbox.Seeding;

/// <summary>Sentences for prompts, answers and details.</summary>
internal static class SeedText
{
    private static readonly string[] s_words =
    [
        "the", "order", "customer", "answer", "context", "report", "summary", "please", "explain", "policy", "refund",
        "über", "question", "document", "policy", "section", "model", "result", "because", "within", "three", "days",
        "shipping", "invoice", "naïve", "compare", "translate", "previous", "message", "support", "account", "東京",
    ];

    /// <summary>So many words, a capital and a full stop.</summary>
    public static string Sentence(SeedRandom random, int words)
    {
        var text = new StringBuilder("The");
        for (var i = 1; i < words; i++)
            text.Append(' ').Append(random.Of<string>(s_words));
        return text.Append('.').ToString();
    }
}
