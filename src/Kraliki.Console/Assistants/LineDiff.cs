namespace Kraliki.OperatorConsole.Assistants;

public enum LineChange
{
    Same,
    Removed,
    Added,
}

public readonly record struct DiffLine(LineChange Change, string Text);

/// <summary>What has to go and to come, line by line, to make one text of another. Pure.</summary>
public static class LineDiff
{
    // The table of the middle parts has as many cells as their lengths multiplied; beyond, all of it counts as rewritten.
    private const int MostCells = 1_000_000;

    public static IReadOnlyList<DiffLine> Of(IReadOnlyList<string> before, IReadOnlyList<string> after)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(after);
        int shorter = Math.Min(before.Count, after.Count);
        int head = 0;
        while (head < shorter && before[head] == after[head])
        {
            head++;
        }

        int tail = 0;
        while (tail < shorter - head && before[^(tail + 1)] == after[^(tail + 1)])
        {
            tail++;
        }

        var lines = new List<DiffLine>();
        lines.AddRange(before.Take(head).Select(text => new DiffLine(LineChange.Same, text)));
        AddMiddle(lines, [.. before.Skip(head).SkipLast(tail)], [.. after.Skip(head).SkipLast(tail)]);
        lines.AddRange(before.TakeLast(tail).Select(text => new DiffLine(LineChange.Same, text)));
        return lines;
    }

    private static void AddMiddle(List<DiffLine> lines, string[] before, string[] after)
    {
        int i = 0;
        int j = 0;
        if ((long)before.Length * after.Length <= MostCells)
        {
            // common[i, j]: lines that the rests from i and j have in common, in order.
            var common = new int[before.Length + 1, after.Length + 1];
            for (i = before.Length - 1; i >= 0; i--)
            {
                for (j = after.Length - 1; j >= 0; j--)
                {
                    common[i, j] = before[i] == after[j] ? common[i + 1, j + 1] + 1 : Math.Max(common[i + 1, j], common[i, j + 1]);
                }
            }

            (i, j) = (0, 0);
            while (i < before.Length && j < after.Length)
            {
                lines.Add(
                    before[i] == after[j] ? new DiffLine(LineChange.Same, before[i++]) with { Text = after[j++] }
                    : common[i + 1, j] >= common[i, j + 1] ? new DiffLine(LineChange.Removed, before[i++])
                    : new DiffLine(LineChange.Added, after[j++]));
            }
        }

        lines.AddRange(before.Skip(i).Select(text => new DiffLine(LineChange.Removed, text)));
        lines.AddRange(after.Skip(j).Select(text => new DiffLine(LineChange.Added, text)));
    }
}
