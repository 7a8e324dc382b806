using System.Text;
using System.Text.Json;
using Kraliki.Contracts;
using Kraliki.Voice.Audio;
using Kraliki.Voice.Calls;
using Kraliki.Voice.Net;
using Kraliki.Voice.Providers;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Voice.Tests.Calls;

/// <summary>A whole call on a virtual clock: the real loop, link and socket between a carrier made of memory and a provider that follows the script.</summary>
internal sealed class TestCall
{
    private readonly CallLoop _loop;
    private bool _callerAudio = true;

    public TestCall(
        CallOptions? options = null, bool admit = true, IReadOnlyList<TurnFinished>? history = null, Comeback? comeback = null, Func<ScriptedProvider, ProviderOrder>? providers = null,
        CallLimits? limits = null, ProviderSetup? setup = null)
    {
        Carrier = new MemoryCarrier(Time);
        Provider = new ScriptedProvider();
        setup ??= new ProviderSetup(Guid.CreateVersion7(), "Be kind.", new ConversationContext(history ?? []), CallTool.All);
        var admission = new CallAdmission(Sink, providers?.Invoke(Provider) ?? ProviderOrder.Only(Provider), setup, comeback, limits);
        _loop = new CallLoop(Carrier.Socket, (_, _) => Task.FromResult(admit ? admission : null), options ?? new CallOptions(), Time, NullLogger<CallLoop>.Instance);
        Outcome = _loop.RunAsync(TestContext.Current.CancellationToken);
    }

    public FakeTimeProvider Time { get; } = new();

    public MemoryCarrier Carrier { get; }

    public ScriptedProvider Provider { get; }

    public RecordingSink Sink { get; } = new();

    public Task<CallOutcome> Outcome { get; }

    public CallLoop Loop => _loop;

    /// <summary>The carrier opens the stream and the provider is ready.</summary>
    public static TestCall Answered(CallOptions? options = null, IReadOnlyList<TurnFinished>? history = null, Comeback? comeback = null, CallLimits? limits = null)
    {
        var call = new TestCall(options, history: history, comeback: comeback, limits: limits);
        call.Carrier.Start();
        call.Provider.Events.Connected("sess_1", "model-1");
        return call;
    }

    public void StopCallerAudio() => _callerAudio = false;

    /// <summary>Lets time pass in frames of 20 ms; the caller's line sends audio, the carrier plays what it has.</summary>
    public TestCall After(int milliseconds)
    {
        for (int passed = 0; passed < milliseconds; passed += 20)
        {
            Time.Advance(TimeSpan.FromMilliseconds(20));
            Carrier.Play(20);
            if (_callerAudio)
            {
                Carrier.SendFrame();
            }
        }

        return this;
    }

    /// <summary>The provider produces a whole answer at once, as models do.</summary>
    public TestCall AgentSays(string turnId, string text, int milliseconds, bool done = true)
    {
        Provider.Events.AnswerText(turnId, text);
        for (int left = milliseconds; left > 0; left -= 500)
        {
            Provider.Events.AnswerAudio(turnId, Speech(Math.Min(left, 500)));
        }

        if (done)
        {
            Provider.Events.AnswerDone(turnId, text, cancelled: false);
        }

        return this;
    }

    public TestCall CallerStarts(string turnId)
    {
        Provider.Events.SpeechStarted(turnId);
        return this;
    }

    public TestCall CallerStops(string turnId, string? words = null)
    {
        Provider.Events.SpeechStopped(turnId);
        if (words is not null)
        {
            Provider.Events.CallerFinal(turnId, words, 0.9);
        }

        return this;
    }

    /// <summary>The caller's line carries the sound of speech, whatever the provider makes of it.</summary>
    public TestCall CallerSpeaks(int milliseconds)
    {
        for (int passed = 0; passed < milliseconds; passed += 20)
        {
            Time.Advance(TimeSpan.FromMilliseconds(20));
            Carrier.Play(20);
            Carrier.SendFrame(voice: true);
        }

        return this;
    }

    /// <summary>He speaks for long, and breathes: a sound that never ends is none to our ear.</summary>
    public TestCall CallerTalks(int milliseconds)
    {
        for (int passed = 0; passed < milliseconds; passed += 2_000)
        {
            CallerSpeaks(1_800).After(200);
        }

        return this;
    }

    /// <summary>Something that can be heard and is never twice the same.</summary>
    public static byte[] Speech(int milliseconds)
    {
        var audio = new byte[milliseconds * G711.BytesPerMs];
        Random.Shared.NextBytes(audio);
        return Encoding.ASCII.GetBytes(Convert.ToBase64String(audio));
    }

    /// <summary>Audio in which nothing can be heard.</summary>
    public static byte[] Silence(int milliseconds) =>
        Encoding.ASCII.GetBytes(Convert.ToBase64String([.. Enumerable.Repeat(G711.Silence, milliseconds * G711.BytesPerMs)]));
}

internal sealed class RecordingSink : ICallSink
{
    public List<SessionFact> Facts { get; } = [];

    public List<PartialTranscript> Partials { get; } = [];

    public List<(LegRole Leg, AudioFrameKind Kind, int Bytes)> Heard { get; } = [];

    public IEnumerable<TurnFinished> Turns => Facts.OfType<TurnFinished>();

    public MediaEnded Ended => Assert.Single(Facts.OfType<MediaEnded>());

    public void Fact(SessionFact fact) => Facts.Add(fact);

    /// <summary>From so many tokens of the caller's audio on.</summary>
    public long UrgentFrom { get; set; } = long.MaxValue;

    public bool IsUrgent(IReadOnlyList<ModelUsage> used) => used.Sum(use => use.AudioInTokens) >= UrgentFrom;

    public void Ending(CallOutcome outcome)
    {
    }

    public void Partial(PartialTranscript partial) => Partials.Add(partial);

    public void Meters(CallMeters meters) => LastMeters = meters;

    public CallMeters? LastMeters { get; private set; }

    public void Audio(LegRole leg, AudioFrameKind kind, uint mediaMs, ReadOnlySpan<byte> mulaw) => Heard.Add((leg, kind, mulaw.Length));
}

internal sealed class ScriptedProvider : IVoiceProvider, IProviderConnection
{
    public IProviderEvents Events { get; private set; } = null!;

    public ProviderSetup? Setup { get; private set; }

    /// <summary>What the loop asked for, in order; audio only counted.</summary>
    public List<string> Asked { get; } = [];

    public int FramesHeard { get; private set; }

    public int Connections { get; private set; }

    public bool AcceptsAudio { get; set; } = true;

    public string Name { get; init; } = "scripted";

    public ProviderCapabilities Capabilities { get; set; } = new([VoiceStrategy.Realtime], DetectsTurns: true, Truncates: true, SpeaksFirst: true, "model-1");

    public IProviderConnection Connect(ProviderSetup setup, IProviderEvents events)
    {
        Events = events;
        Setup = setup;
        Connections++;
        return this;
    }

    /// <summary>Thrown by the next audio.</summary>
    public Exception? Bug { get; set; }

    public bool SendAudio(ReadOnlySpan<byte> base64Mulaw)
    {
        if (Bug is not null)
        {
            throw Bug;
        }

        FramesHeard += AcceptsAudio ? 1 : 0;
        return AcceptsAudio;
    }

    public void Greet() => Asked.Add("greet");

    public void PickUp(string words, PickUpRest rest) => Asked.Add($"pick up{(rest == PickUpRest.Nothing ? "" : $" and {(rest == PickUpRest.Answer ? "answer" : "continue")}")}: {words}");

    public void Remember(IReadOnlyList<SessionFact> happened) => Asked.AddRange(happened.Select(fact => $"remember {(fact as TurnFinished)?.Text ?? fact.GetType().Name}"));

    public void CancelAnswer() => Asked.Add("cancel");

    public void Truncate(string turnId, int heardMs) => Asked.Add($"truncate {turnId} {heardMs}");

    public void HoldAnswers() => Asked.Add("hold");

    public void ResumeAnswers(bool answerNow) => Asked.Add($"resume {(answerNow ? "and answer" : "and forget")}");

    public void Instruct(string text) => Asked.Add($"instruct {text}");

    public void OfferTools(IReadOnlyList<CallTool> tools) => Asked.Add($"offer {string.Join(' ', tools.Select(tool => tool.Name))}".TrimEnd());

    public void ProvideToolResult(ToolCalled call) => Asked.Add($"tool {call.CallId} {call.Result}");

    public void Close()
    {
        if (!Asked.Contains("close"))
        {
            Asked.Add("close");
            ClosedByLoop?.Invoke();
        }
    }

    /// <summary>What a real connection does soon after Close; null: it never answers.</summary>
    public Action? ClosedByLoop { get; set; }
}

/// <summary>Twilio in memory: frames in both directions are real WebSocket bytes, play-out follows the virtual clock.</summary>
internal sealed class MemoryCarrier : ByteTransport
{
    private readonly FrameReader _reader = new(fromClient: false, 16 * 1024 * 1024);
    private readonly Queue<(int Bytes, string? Mark)> _playOut = new();
    private MediaSocket? _owner;
    private byte[] _spare = new byte[4096];
    private bool _ended;
    private long _timestamp;

    public MemoryCarrier(TimeProvider time) => Socket = new MediaSocket(this, isServer: true, MediaSocketOptions.Carrier, time);

    public MediaSocket Socket { get; }

    /// <summary>Events that the app sent, except audio, with the carrier's clock: "clear", "mark 0:1600", "close 1000".</summary>
    public List<string> Received { get; } = [];

    public int BytesPlayed { get; private set; }

    public int BytesReceived { get; private set; }

    public int BytesBuffered { get; private set; }

    /// <summary>The carrier loses marks from now on.</summary>
    public bool LosesMarks { get; set; }

    public override void Start(MediaSocket owner) => _owner = owner;

    public void Start()
    {
        Send("""{"event":"connected","protocol":"Call","version":"1.0.0"}""");
        Send("""{"event":"start","sequenceNumber":"1","start":{"accountSid":"AC1","streamSid":"MZ1","callSid":"CA1","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":{"token":"t1"}},"streamSid":"MZ1"}""");
    }

    public int FramesSent { get; private set; }

    /// <param name="voice">A tone of 500 Hz; otherwise silence.</param>
    public void SendFrame(bool voice = false)
    {
        _timestamp += 20;
        FramesSent++;
        var frame = new byte[160];
        for (int i = 0; i < frame.Length; i++)
        {
            frame[i] = !voice ? G711.Silence : i % 16 < 8 ? (byte)0x10 : (byte)0x90;
        }

        Send($$"""{"event":"media","sequenceNumber":"3","media":{"track":"inbound","chunk":"1","timestamp":"{{_timestamp}}","payload":"{{Convert.ToBase64String(frame)}}"},"streamSid":"MZ1"}""");
    }

    public void HangUp()
    {
        Send("""{"event":"stop","sequenceNumber":"9","stop":{"accountSid":"AC1","callSid":"CA1"},"streamSid":"MZ1"}""");
        Close();
    }

    public void Send(string message) => SendRaw(Opcode.Text, Encoding.UTF8.GetBytes(message));

    public void SendRaw(Opcode opcode, byte[] payload)
    {
        if (_ended)
        {
            return;
        }

        var frame = new byte[FrameWriter.MaxHeader + payload.Length];
        int head = FrameWriter.WriteHeader(frame, opcode, payload.Length, 0x12345678);
        payload.CopyTo(frame, head);
        FrameReader.Mask(frame.AsSpan(head, payload.Length), 0x12345678);
        _owner!.OnBytes(frame.AsSpan(0, head + payload.Length));
    }

    public void Play(int milliseconds)
    {
        int left = milliseconds * G711.BytesPerMs;
        while (_playOut.TryPeek(out var next))
        {
            if (next.Mark is not null)
            {
                _playOut.Dequeue();
                ReturnMark(next.Mark);
                continue;
            }

            int played = Math.Min(left, next.Bytes - _partOfFirst);
            left -= played;
            _partOfFirst += played;
            BytesPlayed += played;
            BytesBuffered -= played;
            if (_partOfFirst < next.Bytes)
            {
                return;
            }

            _partOfFirst = 0;
            _playOut.Dequeue();
        }
    }

    private int _partOfFirst;

    public override void Flush()
    {
        int length = _owner!.TakeOutgoing(ref _spare);
        if (length > 0)
        {
            Assert.Equal(FrameFault.None, _reader.Feed(_spare.AsSpan(0, length).ToArray(), OnFrame));
        }
    }

    public override void FlushAndClose()
    {
        Flush();
        Close();
    }

    public override void Close()
    {
        if (!_ended)
        {
            _ended = true;
            _owner!.OnTransportEnd();
        }
    }

    private void OnFrame(Opcode opcode, ReadOnlySpan<byte> payload)
    {
        if (opcode == Opcode.Close)
        {
            Received.Add($"close {(payload[0] << 8) | payload[1]}");
            SendRaw(Opcode.Close, payload.ToArray());
            return;
        }

        if (opcode != Opcode.Text)
        {
            return;
        }

        using var document = JsonDocument.Parse(payload.ToArray());
        var root = document.RootElement;
        Assert.Equal("MZ1", root.GetProperty("streamSid").GetString());
        switch (root.GetProperty("event").GetString())
        {
            case "media":
                int bytes = Convert.FromBase64String(root.GetProperty("media").GetProperty("payload").GetString()!).Length;
                BytesReceived += bytes;
                BytesBuffered += bytes;
                _playOut.Enqueue((bytes, null));
                break;
            case "mark":
                string name = root.GetProperty("mark").GetProperty("name").GetString()!;
                Received.Add($"mark {name}");
                _playOut.Enqueue((0, name));
                break;
            case "clear":
                Received.Add("clear");
                var marks = _playOut.Where(entry => entry.Mark is not null).Select(entry => entry.Mark!).ToList();
                _playOut.Clear();
                _partOfFirst = 0;
                BytesBuffered = 0;
                marks.ForEach(ReturnMark);
                break;
        }
    }

    private void ReturnMark(string name)
    {
        if (!LosesMarks)
        {
            Send($$$"""{"event":"mark","sequenceNumber":"4","streamSid":"MZ1","mark":{"name":"{{{name}}}"}}""");
        }
    }
}
