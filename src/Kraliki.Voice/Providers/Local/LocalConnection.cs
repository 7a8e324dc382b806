using System.Buffers.Text;
using System.Security.Cryptography;
using System.Threading.Channels;
using Kraliki.Contracts;
using Kraliki.LocalSpeech;
using Kraliki.Voice.Audio;
using Kraliki.Voice.Calls;

namespace Kraliki.Voice.Providers.Local;

/// <summary>One conversation with the local assistant.</summary>
/// <remarks>
/// <code>
///  SendAudio ──► CallerAudio ─┐
///  commands ──────────────────┼─►(1) mailbox ──► steps, one at a time ──► events
///  ear's partials, finals ────┤                    │ (2) a finished turn is thought about
///  spoken phrases ────────────┘                    ▼
///                    (3) phrases to speak ──► flite, phrase by phrase
/// </code>
/// <para>Everything that happens is a step in one mailbox, so state needs no lock and events come one at a time, never inside
/// a call of the loop. What takes long runs beside it: decoding on the recognisers' threads, speaking in (3).</para>
/// <para>A caller's turn is decided in a step of its own after its transcript was reported: what the loop then asks for (hold,
/// resume, truncate) stands before the decision in the mailbox.</para>
/// </remarks>
internal sealed class LocalConnection : IProviderConnection
{
    // Commands and results must not be lost. A step takes a millisecond or so; this many waiting means that the worker
    // hangs, and then the connection ends with an error instead of growing.
    private const int MailboxCapacity = 1024;

    // Answers that wait to be spoken: one turn makes one, an operator may add a few.
    private const int AnswerCapacity = 32;

    // 480 ms: whole frames, and whole base64 groups without padding.
    private const int ChunkBytes = 24 * G711.FrameBytes;

    private readonly RecognizerPool _recognizers;
    private readonly ProviderSetup _setup;
    private readonly IProviderEvents _events;
    private readonly string _id = $"local_{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}";
    private readonly Channel<Action> _mailbox = Channel.CreateBounded<Action>(new BoundedChannelOptions(MailboxCapacity) { SingleReader = true });
    private readonly Channel<LocalAnswer> _toSpeak = Channel.CreateBounded<LocalAnswer>(new BoundedChannelOptions(AnswerCapacity) { SingleReader = true });
    private readonly CallerAudio _callerAudio = new();
    private readonly Action _hear;
    private readonly List<TalkTurn> _conversation;
    private readonly List<LocalAnswer> _answers = [];
    private readonly byte[] _mulaw = new byte[ChunkBytes];
    private readonly byte[] _base64 = new byte[ChunkBytes / 3 * 4];
    private LiveEar? _ear;
    private volatile bool _closing;

    // Turn taking: while held, finished turns are kept; turns up to _forgotten were a cough or an "uh-huh".
    private bool _held;
    private int _lastUtterance;
    private int _forgotten;
    private string _keptTurn = "";
    private bool _answerOwed;
    private long _samplesIn;
    private long _samplesOut;
    private IReadOnlyList<CallTool> _tools;

    public LocalConnection(RecognizerPool recognizers, ProviderSetup setup, IProviderEvents events)
    {
        _recognizers = recognizers;
        _setup = setup;
        _events = events;
        _tools = setup.Tools;
        _hear = Hear;
        _conversation = [];
        Add(setup.Conversation.Recent);
    }

    public void Start() => _ = Task.Run(RunAsync);

    public bool SendAudio(ReadOnlySpan<byte> base64Mulaw)
    {
        switch (_callerAudio.Add(base64Mulaw))
        {
            case CallerAudio.Added.First:
                Post(_hear);
                return true;
            case CallerAudio.Added.Behind:
                return true;
            default:
                return false;
        }
    }

    public void Greet() => Post(() =>
        Answer((_setup.Greeting ?? SmallTalk.Literal(_setup.Instructions)) is { } words ? new TalkReply(words) : SmallTalk.Next(_conversation)));

    public void PickUp(string words, PickUpRest rest) => Post(() =>
    {
        string heard = "";
        if (rest != PickUpRest.Nothing && _conversation is [.., { Role: TalkRole.Assistant } cut])
        {
            // Cut off in the middle: it is thought of again, and what was heard is left out.
            _conversation.RemoveAt(_conversation.Count - 1);
            heard = rest == PickUpRest.Continuation ? cut.Text : "";
        }

        var reply = rest == PickUpRest.Nothing ? new TalkReply("") : SmallTalk.Next(_conversation);
        string text = heard.Length > 0 && reply.Text.StartsWith(heard, StringComparison.OrdinalIgnoreCase) ? reply.Text[heard.Length..] : reply.Text;
        Answer(reply with { Text = $"{words} {text}".Trim() });
    });

    public void Remember(IReadOnlyList<SessionFact> happened) => Post(() => Add(happened));

    public void CancelAnswer() => Post(() => _answers.ForEach(answer => answer.Cancelled = true));

    public void Truncate(string turnId, int heardMs) => Post(() =>
    {
        if (_answers.Find(answer => answer.TurnId == turnId) is { } answer)
        {
            // The same cut as in the journal: the memory and the record say the same.
            string heard = HeardText.Cut(answer.Text, heardMs, (int)(answer.Samples / G711.BytesPerMs));
            _conversation[answer.Turn] = new(TalkRole.Assistant, heard);
        }
    });

    public void HoldAnswers() => Post(() =>
    {
        _held = true;
        _keptTurn = "";
    });

    public void ResumeAnswers(bool answerNow) => Post(() =>
    {
        // Answering may also be asked for after the turn was forgotten: its words came late and were no cough.
        _held = false;
        _forgotten = answerNow ? 0 : _lastUtterance;
        string kept = answerNow ? _keptTurn : "";
        _keptTurn = "";
        AnswerCaller(kept);
    });

    public void Instruct(string text) => Post(() =>
    {
        _conversation.Add(new(TalkRole.Operator, text));
        Answer(SmallTalk.Next(_conversation));
    });

    public void OfferTools(IReadOnlyList<CallTool> tools) => Post(() => _tools = tools);

    /// <summary>It reads the result out: small talk has no thoughts of its own about it.</summary>
    public void ProvideToolResult(ToolCalled call)
    {
        if (call.Name != CallTool.EndCall.Name)
        {
            Instruct($"The result of {call.Name} is: {call.Result}");
        }
    }

    public void Close() => Post(() => _closing = true);

    private void Add(IReadOnlyList<SessionFact> happened) => _conversation.AddRange(happened.Select(fact => fact switch
    {
        TurnFinished { Speaker: LegRole.Caller } turn => new TalkTurn(TalkRole.Caller, turn.Text),
        TurnFinished { Speaker: LegRole.Ai } turn => new TalkTurn(TalkRole.Assistant, turn.Text),
        OperatorText line => new TalkTurn(TalkRole.Operator, line.Text),
        _ => null,
    }).OfType<TalkTurn>());

    private void Post(Action step)
    {
        if (!_mailbox.Writer.TryWrite(step))
        {
            _mailbox.Writer.TryComplete(new InvalidOperationException($"The local assistant is stuck: {MailboxCapacity} steps wait."));
        }
    }

    private async Task RunAsync()
    {
        var (end, detail) = (ProviderEnd.Requested, "The conversation was closed.");
        try
        {
            _ear = new LiveEar(_recognizers, new VoiceActivityOptions(), OnEar);
            _events.Connected(_id, LocalProvider.Model);
            var steps = StepAsync();
            var speech = SpeakAsync();
            var first = await Task.WhenAny(steps, speech).ConfigureAwait(false);
            _toSpeak.Writer.TryComplete();
            _mailbox.Writer.TryComplete();
            await first.ConfigureAwait(false);
            await Task.WhenAll(steps, speech).ConfigureAwait(false);
        }
        catch (SpeechPartsMissingException missing)
        {
            (end, detail) = (ProviderEnd.Refused, missing.Message);
        }
        catch (Exception e)
        {
            // The edge of the assistant: a bug in it ends this conversation with a reason, not in silence.
            _events.Faulted(e);
            (end, detail) = (ProviderEnd.Error, "The local assistant failed by a fault of ours.");
        }
        finally
        {
            _ear?.Dispose();
            _mailbox.Writer.TryComplete();
        }

        _events.Closed(end, detail);
    }

    /// <summary>(1)</summary>
    private async Task StepAsync()
    {
        await foreach (var step in _mailbox.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            step();
            if (_closing)
            {
                return;
            }
        }
    }

    /// <summary>(3)</summary>
    private async Task SpeakAsync()
    {
        await foreach (var answer in _toSpeak.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            foreach (string phrase in PhraseSplitter.Split(answer.Text))
            {
                if (answer.Cancelled || _closing)
                {
                    break;
                }

                short[] pcm = SpeechSynthesizer.Speak(phrase, VoiceName.Slt);
                Post(() => Deliver(answer, phrase, pcm));
            }

            Post(() => Finish(answer));
        }
    }

    private void Hear()
    {
        Span<byte> mulaw = stackalloc byte[G711.FrameBytes];
        Span<short> pcm = stackalloc short[G711.FrameBytes];
        while (_callerAudio.Take(mulaw) is var count and > 0)
        {
            G711.Decode(mulaw[..count], pcm);
            _samplesIn += count;
            _ear!.Hear(pcm[..count]);
        }
    }

    /// <summary>Started and stopped come from inside <see cref="Hear"/>, the others from a decoder's thread.</summary>
    private void OnEar(EarEvent happened) => Post(() =>
    {
        string turnId = $"{_id}-c{happened.Utterance}";
        switch (happened)
        {
            case EarSpeechStarted:
                _lastUtterance = happened.Utterance;
                _events.SpeechStarted(turnId);
                break;
            case EarSpeechStopped:
                _events.SpeechStopped(turnId);
                break;
            case EarPartial partial:
                _events.CallerPartial(turnId, partial.Text);
                break;
            case EarFinal { Recognition.Refused: true }:
                // Not an empty turn: another provider is told of the words again.
                _events.AnswerFailed("overloaded", "More people speak at once than the speech recognition of this machine can follow.");
                break;
            case EarFinal final:
                _events.CallerFinal(turnId, final.Recognition.Text, final.Recognition.Confidence);
                Post(() => Decide(final.Utterance, final.Recognition.Text));
                break;
        }
    });

    /// <summary>(2)</summary>
    private void Decide(int utterance, string text)
    {
        if (_held)
        {
            _keptTurn = $"{_keptTurn} {text}".Trim();
        }
        else
        {
            AnswerCaller(utterance > _forgotten ? text : "");
        }
    }

    private void AnswerCaller(string text)
    {
        if (text.Length > 0)
        {
            _conversation.Add(new(TalkRole.Caller, text));
            _answerOwed = true;
        }

        // A caller who already speaks on gets one answer to all of it.
        if (_answerOwed && !_ear!.CallerSpeaking)
        {
            _answerOwed = false;
            Answer(SmallTalk.Next(_conversation));
        }
    }

    private void Answer(TalkReply reply)
    {
        var answer = new LocalAnswer($"{_id}-a{_answers.Count + 1}", reply.Text, reply.Wish, _conversation.Count);
        _answers.Add(answer);
        _conversation.Add(new(TalkRole.Assistant, reply.Text));
        if (!_toSpeak.Writer.TryWrite(answer))
        {
            answer.Cancelled = true;
            _events.Notice("too_many_answers", "The local assistant has too much to say at once; an answer was left out.");
        }
    }

    private void Deliver(LocalAnswer answer, string phrase, short[] pcm)
    {
        if (answer.Cancelled)
        {
            return;
        }

        _events.AnswerText(answer.TurnId, answer.Said.Length == 0 ? phrase : $" {phrase}");
        answer.Said += answer.Said.Length == 0 ? phrase : $" {phrase}";
        answer.Samples += pcm.Length;
        _samplesOut += pcm.Length;
        for (int start = 0; start < pcm.Length; start += ChunkBytes)
        {
            var chunk = pcm.AsSpan(start, Math.Min(ChunkBytes, pcm.Length - start));
            G711.Encode(chunk, _mulaw);
            Base64.EncodeToUtf8(_mulaw.AsSpan(0, chunk.Length), _base64, out _, out int length);
            _events.AnswerAudio(answer.TurnId, _base64.AsSpan(0, length));
        }
    }

    private void Finish(LocalAnswer answer)
    {
        answer.Text = answer.Said;
        _events.AnswerDone(answer.TurnId, answer.Said, answer.Cancelled);
        _events.Used([new ModelUsage("local", null) { AudioInSeconds = Seconds(_samplesIn), AudioOutSeconds = Seconds(_samplesOut) }]);
        if (answer.Wish == TalkWish.EndCall && !answer.Cancelled && _tools.Contains(CallTool.EndCall))
        {
            _events.ToolCall($"{answer.TurnId}-end", CallTool.EndCall.Name, "{}");
        }
    }

    private static double Seconds(long samples) => Math.Round(samples / (double)SpeechSynthesizer.SampleRate, 2);
}
