using System.Security.Cryptography;
using Kraliki.Contracts;
using Kraliki.Voice.Audio;
using Kraliki.Voice.Calls;
using Microsoft.Extensions.AI;

namespace Kraliki.Voice.Providers.Segmented;

/// <summary>One conversation with ears, a mind and a voice.</summary>
/// <remarks>
/// <code>
///  SendAudio ──► ears ──► (1) the caller's turns ─┐
///  commands ──────────────────────────────────────┼─► mailbox ──► steps, one at a time ──► events
///  mind ────► (2) phrases, wishes ────────────────┤
///  voice ───► (3) audio, phrases that are spoken ─┘
/// </code>
/// <para>Everything that happens is a step in one mailbox, so state needs no lock and events come one at a time, never inside
/// a call of the loop. A caller's turn is decided in a step of its own after its words were reported: what the loop then asks
/// for (hold, resume, truncate) stands before the decision.</para>
/// <para>One answer at a time; further ones wait. An answer of which nothing was heard yet is thought of anew when the caller
/// speaks on.</para>
/// </remarks>
internal sealed class SegmentedConnection : IProviderConnection
{
    // Requests that wait for the answer before: tool results and operators' lines come singly. What is beyond is left out.
    private const int MaxWaiting = 16;

    // Answers whose unheard words may still have to be forgotten: no more than this are between us and the caller's ear.
    private const int MaxRemembered = 16;

    private readonly string _id = $"dg_{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}";
    private readonly Mailbox _mailbox = new();
    private readonly DeepgramEars _ears;
    private readonly DeepgramVoice _voice;
    private readonly Mind _mind;
    private readonly Dialogue _dialogue;
    private readonly IProviderEvents _events;
    private readonly string? _model;
    private readonly string? _greeting;
    private readonly Queue<string?> _waiting = new();
    private readonly List<(string TurnId, string Text, int Ms)> _answered = [];
    private readonly SpeechPieces _speech;
    private IReadOnlyList<CallTool> _tools;
    private SegmentedAnswer? _answer;
    private int _answers;
    private bool _earsReady;
    private bool _voiceReady;
    private bool _connected;
    private (ProviderEnd End, string Detail) _end = (ProviderEnd.Requested, "The conversation was closed.");

    // Turn taking: while held, finished turns are kept; turns up to _forgotten were a cough or an "uh-huh".
    private bool _held;
    private int _lastTurn;
    private int _forgotten;
    private string _kept = "";
    private bool _answerOwed;

    private ModelUsage _thought;
    private long _bytesOut;

    public SegmentedConnection(
        DeepgramOptions options, Mind mind, ProviderCapabilities capabilities, ProviderSetup setup, IProviderEvents events, TimeProvider time)
    {
        (_mind, _events, _model, _tools, _greeting) = (mind, events, capabilities.Model, setup.Tools, setup.Greeting);
        _thought = new ModelUsage("llm", mind.Model);
        _speech = new SpeechPieces(base64 => _events.AnswerAudio(_answer!.TurnId, base64));
        _dialogue = new Dialogue(setup, capabilities.ContextTokens);
        var reports = new DeepgramReports(end => End(end.End, end.Detail), events.Notice, OnFault);
        _ears = new DeepgramEars(options, setup, _mailbox, new(() => OnReady(ref _earsReady), OnTurnBegan, OnPartial, OnTurnEnded), reports, time);
        _voice = new DeepgramVoice(options, setup, _mailbox, new(() => OnReady(ref _voiceReady), OnWords, OnAudio, OnSpoken), reports, time);
    }

    public void Start()
    {
        _ears.Start();
        _voice.Start();
        _ = Task.Run(RunAsync);
    }

    public bool SendAudio(ReadOnlySpan<byte> base64Mulaw) => _ears.Hear(base64Mulaw);

    public void Greet() => _mailbox.Post(() => Want(GreetTask.For(_greeting)));

    public void PickUp(string words, PickUpRest rest) => _mailbox.Post(() => Want(PickUpTask.For(words, rest)));

    public void Remember(IReadOnlyList<SessionFact> happened) => _mailbox.Post(() =>
    {
        foreach (var fact in happened)
        {
            _dialogue.Add(fact);
        }
    });

    public void CancelAnswer() => _mailbox.Post(() =>
    {
        _waiting.Clear();
        GiveUp();
    });

    public void Truncate(string turnId, int heardMs) => _mailbox.Post(() =>
    {
        int at = _answered.FindIndex(answer => answer.TurnId == turnId);
        if (at >= 0)
        {
            // The same cut as in the journal: the memory and the record say the same.
            _dialogue.Cut(turnId, HeardText.Cut(_answered[at].Text, heardMs, _answered[at].Ms));
        }
    });

    public void HoldAnswers() => _mailbox.Post(() =>
    {
        _held = true;
        _kept = "";
    });

    public void ResumeAnswers(bool answerNow) => _mailbox.Post(() =>
    {
        // Answering may also be asked for after the turn was forgotten: its words came late and were no cough.
        _held = false;
        _forgotten = answerNow ? 0 : _lastTurn;
        string kept = answerNow ? _kept : "";
        _kept = "";
        AnswerCaller(kept);
    });

    public void Instruct(string text) => _mailbox.Post(() =>
    {
        _dialogue.Add(new OperatorText(text, ""));
        Want(null);
    });

    public void OfferTools(IReadOnlyList<CallTool> tools) => _mailbox.Post(() => _tools = tools);

    public void ProvideToolResult(ToolCalled call) => _mailbox.Post(() =>
    {
        _dialogue.Add(call);
        Want(null);
    });

    public void Close() => _mailbox.Post(_mailbox.Stop);

    private async Task RunAsync()
    {
        try
        {
            await _mailbox.RunAsync().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // The edge of this task, which nobody awaits: a bug ends the conversation with a reason, not in silence.
            OnFault(e);
        }

        _answer?.GiveUp();
        _ears.Close();
        _voice.Close();
        ReportUse();
        _events.Closed(_end.End, _end.Detail);
    }

    private void End(ProviderEnd end, string detail)
    {
        _end = (end, detail);
        _mailbox.Stop();
    }

    private void OnFault(Exception exception)
    {
        _events.Faulted(exception);
        End(ProviderEnd.Error, "The connection to Deepgram failed by a fault of ours.");
    }

    private void OnReady(ref bool part)
    {
        part = true;
        if (_earsReady && _voiceReady && !_connected)
        {
            _connected = true;
            _events.Connected(_id, _model);
        }
    }

    // (1)
    private void OnTurnBegan(int turn)
    {
        _lastTurn = turn;
        if (_answer is { Begun: false, Task: null })
        {
            // One answer to all of it.
            _answerOwed = true;
            GiveUp();
        }

        _events.SpeechStarted(Turn(turn));
    }

    private void OnPartial(int turn, string text) => _events.CallerPartial(Turn(turn), text);

    private void OnTurnEnded(int turn, string text, double? confidence)
    {
        _events.SpeechStopped(Turn(turn));
        _events.CallerFinal(Turn(turn), text, confidence);
        _mailbox.Post(() => Decide(turn, text));
    }

    private void Decide(int turn, string text)
    {
        if (_held)
        {
            _kept = $"{_kept} {text}".Trim();
        }
        else
        {
            AnswerCaller(turn > _forgotten ? text : "");
        }
    }

    private void AnswerCaller(string text)
    {
        if (text.Length > 0)
        {
            _dialogue.AddCaller(Turn(_lastTurn), text);
            _answerOwed = true;
        }

        if (_answerOwed && !_ears.CallerSpeaking)
        {
            _answerOwed = false;
            Want(null);
        }
    }

    // (2)
    private void Want(string? task)
    {
        if (_answer is null)
        {
            Think(task);
        }
        else if (_waiting.Count < MaxWaiting && !(task is null && _waiting.Contains(null)))
        {
            // An answer knows everything that was said before it: one to all that came meanwhile is enough.
            _waiting.Enqueue(task);
        }
    }

    private void Think(string? task)
    {
        var answer = _answer = new SegmentedAnswer($"{_id}-a{++_answers}", task);
        _speech.Drop();
        var messages = _dialogue.Render(task);
        _dialogue.BeginAnswer(answer.TurnId);
        _ = ThinkAsync(answer, messages, _tools);
    }

    private async Task ThinkAsync(SegmentedAnswer answer, IReadOnlyList<ChatMessage> messages, IReadOnlyList<CallTool> tools)
    {
        try
        {
            var outcome = await Task.Run(
                () => _mind.ThinkAsync(messages, tools, phrase => _mailbox.Post(() => OnPhrase(answer, phrase)), answer.GivenUp), answer.GivenUp).ConfigureAwait(false);
            _mailbox.Post(() => OnThought(answer, outcome));
        }
        catch (OperationCanceledException)
        {
            // Nobody wants it any more.
        }
    }

    private void OnPhrase(SegmentedAnswer answer, string phrase)
    {
        if (answer == _answer)
        {
            _voice.Say(phrase);
        }
    }

    private void OnThought(SegmentedAnswer answer, MindOutcome outcome)
    {
        if (outcome.Usage is { } usage)
        {
            long input = Math.Max(0, usage.InputTokenCount ?? 0);
            long cached = Math.Clamp(usage.CachedInputTokenCount ?? 0, 0, input);
            _thought = _thought.Plus(new(_thought.Provider, _thought.Model) { TextInTokens = input - cached, TextCachedTokens = cached, TextOutTokens = Math.Max(0, usage.OutputTokenCount ?? 0) });
        }

        if (answer != _answer)
        {
            return;
        }

        if (outcome.Failure is { Unauthorized: true } refused)
        {
            End(ProviderEnd.Unauthorized, refused.Message);
        }
        else if (outcome.Failure is { } failure)
        {
            // Told before the answer is closed, so that what is missing of it can be asked for elsewhere.
            _events.AnswerFailed(failure.Code, failure.Message);
            GiveUp();
            Next();
        }
        else
        {
            answer.Wishes = outcome.Wishes;
            _voice.Complete();
        }
    }

    // (3)
    private void OnWords(string words)
    {
        if (_answer is { } answer)
        {
            _speech.Rest();
            string delta = answer.Said.Length == 0 ? words : $" {words}";
            answer.Begun = true;
            answer.Said.Append(delta);
            _events.AnswerText(answer.TurnId, delta);
        }
    }

    private void OnAudio(ReadOnlySpan<byte> mulaw)
    {
        if (_answer is not { } answer)
        {
            return;
        }

        answer.Bytes += mulaw.Length;
        _bytesOut += mulaw.Length;
        _speech.Add(mulaw);
    }

    private void OnSpoken()
    {
        if (_answer is { } answer)
        {
            _speech.Rest();
            Finish(answer, cancelled: false);
            foreach (var wish in answer.Wishes)
            {
                _events.ToolCall(wish.CallId, wish.Name, wish.Arguments);
            }

            Next();
        }
    }

    private void GiveUp()
    {
        if (_answer is { } answer)
        {
            answer.GiveUp();
            _voice.Stop();
            if (answer.Begun)
            {
                Finish(answer, cancelled: true);
            }
            else
            {
                _dialogue.EndAnswer(answer.TurnId, "");
            }

            _answer = null;
        }
    }

    private void Finish(SegmentedAnswer answer, bool cancelled)
    {
        string said = answer.Said.ToString();
        _answer = null;
        _dialogue.EndAnswer(answer.TurnId, said);
        if (_answered.Count == MaxRemembered)
        {
            _answered.RemoveAt(0);
        }

        _answered.Add((answer.TurnId, said, (int)(answer.Bytes / G711.BytesPerMs)));
        _events.AnswerDone(answer.TurnId, said, cancelled);
        ReportUse();
    }

    /// <summary>The three parts are billed apart: by what is heard, by tokens, by the letters that are spoken.</summary>
    private void ReportUse() => _events.Used(
    [
        new("deepgram", _ears.Model) { AudioInSeconds = Math.Round(_ears.SecondsHeard, 2) },
        _thought,
        new("deepgram", _voice.Model) { Characters = _voice.Characters, AudioOutSeconds = Math.Round(_bytesOut / (G711.BytesPerMs * 1000.0), 2) },
    ]);

    private void Next()
    {
        if (_answer is null && _waiting.TryDequeue(out string? task))
        {
            Think(task);
        }
    }

    private string Turn(int turn) => $"{_id}-c{turn}";
}
