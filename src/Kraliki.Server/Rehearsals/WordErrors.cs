using System.Text;

namespace Kraliki.Server.Rehearsals;

/// <summary>Word error rate, as recognisers are measured by: the fewest substitutions, deletions and insertions between two texts.</summary>
internal static class WordErrors
{
    /// <summary>Lower case, without punctuation; apostrophes stay inside words.</summary>
    public static string[] Words(string text)
    {
        var letters = new StringBuilder(text.Length);
        foreach (char c in text)
        {
            letters.Append(char.IsLetterOrDigit(c) || c == '\'' ? char.ToLowerInvariant(c) : ' ');
        }

        return letters.ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries);
    }

    public static int Count(ReadOnlySpan<string> said, ReadOnlySpan<string> heard)
    {
        int[] row = [.. Enumerable.Range(0, heard.Length + 1)];
        for (int i = 1; i <= said.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= heard.Length; j++)
            {
                int substituted = diagonal + (said[i - 1] == heard[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substituted, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[^1];
    }
}
