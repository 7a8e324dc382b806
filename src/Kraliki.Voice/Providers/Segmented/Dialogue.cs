using System.Text.Json;
using Kraliki.Contracts;
using Microsoft.Extensions.AI;

namespace Kraliki.Voice.Providers.Segmented;

/// <summary>The conversation as the language model is told of it before each answer. Not thread-safe.</summary>
/// <remarks>Bounded like the call's own <see cref="Conversation"/>, which also shortens what does not fit.</remarks>
internal sealed class Dialogue
{
    // Two hours of quick talk.
    private const int MaxFacts = 2_000;

    private const string Manner = "Your words are spoken aloud on the telephone: write short plain sentences, without lists, markup or emoji.";

    private readonly string _instructions;
    private readonly int _tokens;
    private readonly List<SessionFact> _facts = [];

    // What is told word for word begins here. It moves on in leaps: what stands before the newest turns then stays the same for
    // long, and comes from the model's cache at a fraction of the price.
    private long _first;

    /// <param name="tokens">How much of the conversation the model is given.</param>
    public Dialogue(ProviderSetup setup, int tokens)
    {
        (_instructions, _tokens) = (setup.Conversation.Instruct($"{Manner}\n\n{setup.Instructions}"), tokens);
        foreach (var fact in setup.Conversation.Recent)
        {
            Add(fact);
        }
    }

    /// <summary>A tool is remembered with its result only: a model refuses a conversation in which one is missing.</summary>
    public void Add(SessionFact fact)
    {
        if (fact is TurnFinished { Text.Length: > 0 } or OperatorText or ToolCalled { Result: not null })
        {
            Keep(fact);
        }
    }

    public void AddCaller(string turnId, string text) => Add(new TurnFinished(turnId, LegRole.Caller, text, 0, 0));

    /// <summary>An answer is being thought of: it stands behind what it knows of, and before what is said from now on.</summary>
    public void BeginAnswer(string turnId) => Keep(new TurnFinished(turnId, LegRole.Ai, "", 0, 0));

    /// <summary>The answer is over with these words; without any it never was.</summary>
    public void EndAnswer(string turnId, string text)
    {
        int at = Find(turnId);
        if (at >= 0 && text.Length == 0)
        {
            _facts.RemoveAt(at);
        }
        else if (at >= 0)
        {
            _facts[at] = (TurnFinished)_facts[at] with { Text = text };
        }
    }

    /// <summary>Of an answer only this was heard; nothing when empty.</summary>
    public void Cut(string turnId, string heard)
    {
        int at = Find(turnId);
        if (at >= 0 && heard.Length == 0)
        {
            _facts.RemoveAt(at);
        }
        else if (at >= 0)
        {
            _facts[at] = (TurnFinished)_facts[at] with { Text = heard, Interrupted = true };
        }
    }

    /// <param name="task">What this one answer is about, beyond the conversation.</param>
    public IReadOnlyList<ChatMessage> Render(string? task)
    {
        var conversation = new Conversation();
        _facts.ForEach(conversation.Add);
        if (conversation.FirstWithin(_tokens) > _first)
        {
            _first = conversation.FirstWithin(_tokens * 4 / 5);
        }

        var told = conversation.From(_first);
        List<ChatMessage> messages = [new(ChatRole.System, told.Instruct(_instructions))];
        foreach (var fact in told.Recent)
        {
            switch (fact)
            {
                case TurnFinished turn:
                    messages.Add(new(turn.Speaker == LegRole.Caller ? ChatRole.User : ChatRole.Assistant, turn.Text));
                    break;
                case OperatorText line:
                    messages.Add(new(ChatRole.System, line.Text));
                    break;
                case ToolCalled call:
                    messages.Add(new(ChatRole.Assistant, [new FunctionCallContent(call.CallId, call.Name, Arguments(call.Arguments))]));
                    messages.Add(new(ChatRole.Tool, [new FunctionResultContent(call.CallId, call.Result)]));
                    break;
            }
        }

        if (task is not null)
        {
            messages.Add(new(ChatRole.System, $"For this answer only: {task}"));
        }

        return messages;
    }

    private void Keep(SessionFact fact)
    {
        _facts.Add(fact);
        if (_facts.Count > MaxFacts)
        {
            _facts.RemoveAt(0);
            _first = Math.Max(0, _first - 1);
        }
    }

    private int Find(string turnId) => _facts.FindLastIndex(fact => fact is TurnFinished turn && turn.TurnId == turnId);

    private static Dictionary<string, object?> Arguments(string json)
    {
        try
        {
            return JsonSerializer.Deserialize<Dictionary<string, object?>>(json, AIJsonUtilities.DefaultOptions) ?? [];
        }
        catch (JsonException)
        {
            // Another provider's model asked with something else; that it asked is what matters.
            return [];
        }
    }
}
