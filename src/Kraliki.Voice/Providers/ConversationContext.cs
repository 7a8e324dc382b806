using System.Text;
using Kraliki.Contracts;

namespace Kraliki.Voice.Providers;

/// <summary>A conversation as a provider is told of it: the newest part word for word, what is older in short.</summary>
/// <param name="Recent"><see cref="TurnFinished"/>, <see cref="ToolCalled"/> and <see cref="OperatorText"/>, oldest first.</param>
/// <param name="Summary">What came before, in one paragraph; null when <paramref name="Recent"/> is all.</param>
public sealed record ConversationContext(IReadOnlyList<SessionFact> Recent, string? Summary = null)
{
    public static ConversationContext Empty { get; } = new([]);

    /// <summary>The instructions of an assistant that takes this conversation over.</summary>
    public string Instruct(string instructions)
        => Summary is null ? instructions : $"{instructions}\n\nThe call has been going on for a while. In short, what was said before the turns that you see:\n{Summary}";
}

/// <summary>The conversation of a call as it grows: ours, not a provider's, so that any provider can be told of it. Not thread-safe.</summary>
/// <remarks>Bounded: beyond <see cref="MaxItems"/> the oldest turns live on in the summary only, each by its first words.</remarks>
internal sealed class Conversation
{
    // Two hours of quick talk. Every connection is given far less, by its ContextTokens.
    private const int MaxItems = 2_000;

    // Rule of thumb for English; providers count for themselves, and their limits are far above what is sent.
    private const int CharactersPerToken = 4;

    // A turn costs some tokens for who speaks, whatever its length.
    private const int TokensPerItem = 6;
    // However long they are: the result that the assistant waits for, and what was asked before it.
    private const int AlwaysTold = 6;

    private const int SummaryLine = 90;
    private const int MaxSummary = 4_000;

    private readonly List<SessionFact> _items = [];
    private long _forgotten;

    /// <summary>Facts ever added: what somebody was told of is told by this number.</summary>
    public long Count => _forgotten + _items.Count;

    /// <summary>Tokens ever added.</summary>
    public long Tokens { get; private set; }

    public int Turns { get; private set; }

    public int ToolCalls { get; private set; }

    /// <summary>Keeps a fact when it belongs to what a provider should know.</summary>
    public void Add(SessionFact fact)
    {
        if (fact is TurnFinished { Text.Length: > 0 } or ToolCalled or OperatorText)
        {
            _items.Add(fact);
            Tokens += TokensOf(fact);
            Turns += fact is TurnFinished ? 1 : 0;
            ToolCalls += fact is ToolCalled ? 1 : 0;
            if (_items.Count > MaxItems)
            {
                _items.RemoveAt(0);
                _forgotten++;
            }
        }
    }

    public IReadOnlyList<SessionFact> Since(long count) => [.. _items.Skip((int)Math.Max(0, count - _forgotten))];

    /// <summary>What fits into a provider's share, newest first in line; the rest in short.</summary>
    public ConversationContext Within(int tokens) => From(FirstWithin(tokens));

    /// <summary>Everything from a fact on, by its number; what came before in short.</summary>
    public ConversationContext From(long first)
    {
        int kept = (int)Math.Clamp(first - _forgotten, 0, _items.Count);
        return new([.. _items.Skip(kept)], kept == 0 ? null : Summarize(kept));
    }

    /// <summary>For a provider that forgets by itself what is old: all but the newest of it, in short. Null when there is nothing old.</summary>
    /// <param name="every">Tokens of text after which it is told so again.</param>
    public OperatorText? Recap(int every) => Within(every / 3).Summary is { } summary
        ? new($"For your memory, in short, what was said in this call before. There is nothing to answer to it.\n{summary}", "server")
        : null;

    /// <summary>The number of the oldest fact of those that fit.</summary>
    public long FirstWithin(int tokens)
    {
        int first = _items.Count;
        int left = tokens;
        while (first > 0 && ((left -= TokensOf(_items[first - 1])) >= 0 || _items.Count - first < AlwaysTold))
        {
            first--;
        }

        return _forgotten + first;
    }

    internal static int TokensOf(SessionFact fact) => TokensPerItem + (fact switch
    {
        TurnFinished turn => turn.Text.Length,
        ToolCalled tool => tool.Name.Length + tool.Arguments.Length + (tool.Result?.Length ?? 0),
        OperatorText line => line.Text.Length,
        _ => 0,
    } / CharactersPerToken);

    private string Summarize(int count)
    {
        // Half of it for what a caller would not like to say twice: numbers, names of mailboxes, what tools gave. Otherwise
        // newest first until it is full: what was said last is most likely to matter.
        var lines = new SortedDictionary<int, string>();
        int length = 0;
        Take(i => _items[i] is ToolCalled { Result: not null } || (_items[i] is TurnFinished turn && IsHard(turn.Text)), MaxSummary / 2);
        Take(_ => true, MaxSummary);
        return string.Join('\n', lines.Values);

        void Take(Func<int, bool> wanted, int until)
        {
            for (int i = count - 1; i >= 0 && length < until; i--)
            {
                if (!lines.ContainsKey(i) && wanted(i))
                {
                    lines[i] = Line(_items[i]);
                    length += lines[i].Length;
                }
            }
        }
    }

    private static bool IsHard(string text) => text.Contains('@', StringComparison.Ordinal) || text.Count(char.IsAsciiDigit) >= 3;

    private static string Line(SessionFact fact) => fact switch
    {
        TurnFinished { Speaker: LegRole.Caller } turn => $"Caller: {Short(turn.Text)}",
        TurnFinished turn => $"You: {Short(turn.Text)}",
        ToolCalled tool => $"Tool {tool.Name}: {Short(tool.Result ?? "no result yet")}",
        OperatorText line => $"Operator to you: {Short(line.Text)}",
        _ => "",
    };

    private static string Short(string text)
    {
        if (text.Length <= SummaryLine)
        {
            return text;
        }

        int word = text.LastIndexOf(' ', SummaryLine);
        return new StringBuilder(text, 0, word <= 0 ? SummaryLine : word, SummaryLine + 2).Append(" …").ToString();
    }
}
