using System.Text;
using System.Text.Json.Nodes;
using Kraliki.Voice.Net;
using Kraliki.Voice.Providers;
using Kraliki.Voice.Providers.Segmented;
using Kraliki.Voice.Tests.Net;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Voice.Tests.Providers.Segmented;

/// <summary>Ears and voice without a service: messages in any order, what they answer is read back.</summary>
public sealed class DeepgramPartsTests
{
    private static readonly DeepgramOptions Options = new() { ApiKey = "k" };
    private static readonly ProviderSetup Setup = new(Guid.CreateVersion7(), "", ConversationContext.Empty, []);

    private readonly FakeTimeProvider _time = new();
    private readonly Mailbox _mailbox = new();
    private readonly List<string> _lines = [];
    private readonly SinkTransport _transport;
    private readonly DeepgramEars _ears;
    private readonly DeepgramVoice _voice;
    private Exception? _fault;

    public DeepgramPartsTests()
    {
        _transport = new SinkTransport(isServer: false, _time) { Sent = [] };
        var reports = new DeepgramReports(end => _lines.Add($"closed {end.End}"), (code, _) => _lines.Add($"notice {code}"), fault => _fault = fault);
        _ears = new DeepgramEars(
            Options, Setup, _mailbox,
            new(() => { }, turn => _lines.Add($"began {turn}"), (turn, text) => _lines.Add($"partial {turn} {text}"), (turn, text, _) => _lines.Add($"ended {turn} {text}")),
            reports, _time);
        _voice = new DeepgramVoice(
            Options, Setup, _mailbox,
            new(() => { }, words => _lines.Add($"words {words}"), audio => _lines.Add($"audio {audio.Length}"), () => _lines.Add("spoken")), reports, _time);
        _ = _mailbox.RunAsync();
    }

    [Fact]
    public async Task A_turn_is_joined_from_its_spans_and_ends_with_the_pause()
    {
        await Hear(
            """{"type":"SpeechStarted","channel":[0,1],"timestamp":0.4}""",
            Results(0, 1, "yeah so"),
            Results(0, 1.5, "yeah so my", isFinal: true),
            Results(1.5, 1, "number is"),
            Results(1.5, 1.4, "number is two", isFinal: true, speechFinal: true),
            """{"type":"UtteranceEnd","channel":[0,1],"last_word_end":2.9}""");
        Assert.Equal(
            ["began 1", "partial 1 yeah so", "partial 1 yeah so my", "partial 1 yeah so my number is", "partial 1 yeah so my number is two", "ended 1 yeah so my number is two"],
            _lines);
    }

    [Fact]
    public async Task Noise_that_hides_the_pause_is_seen_through_by_the_gap_between_words()
    {
        await Hear(Results(0, 1, "hello"), """{"type":"UtteranceEnd","channel":[0,1],"last_word_end":0.9}""", Results(1, 1, ""));
        Assert.Equal("ended 1 hello", _lines[^1]);
    }

    [Fact]
    public async Task A_sound_without_a_word_is_given_up_after_a_while_of_audio()
    {
        await Hear(
            """{"type":"SpeechStarted","channel":[0,1],"timestamp":5}""",
            Results(4, 1, ""), Results(5, 1, "", isFinal: true), Results(6, 1, "", isFinal: true));
        Assert.Equal(["began 1"], _lines);
        await Hear(Results(7, 1, "", isFinal: true));
        Assert.Equal(["began 1", "ended 1 "], _lines);
    }

    [Fact]
    public async Task The_pause_before_a_turn_does_not_end_it()
    {
        await Hear(
            """{"type":"SpeechStarted","channel":[0,1],"timestamp":5}""",
            Results(4, 1, "", isFinal: true, speechFinal: true), Results(5, 1, "yes", isFinal: true, speechFinal: true));
        Assert.Equal("ended 1 yes", _lines[^1]);
        Assert.Single(_lines, line => line.StartsWith("ended", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_caller_who_is_gone_has_his_last_words_fetched_and_the_socket_is_kept_alive()
    {
        await Hear(Results(0, 1, "good"));
        for (int i = 0; i < 8; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(500));
            await Done();
        }

        Assert.Equal(["""{"type":"Finalize"}""", """{"type":"KeepAlive"}"""], _transport.Sent!);
        await Hear("""{"type":"Results","start":0,"duration":1.2,"is_final":true,"from_finalize":true,"channel":{"alternatives":[{"transcript":"goodbye","confidence":0.9}]}}""");
        Assert.Equal("ended 1 goodbye", _lines[^1]);
    }

    [Fact]
    public async Task A_frame_is_sent_on_decoded_and_costs_nothing()
    {
        Attach(_ears);
        await Done();
        var base64 = Encoding.ASCII.GetBytes(Convert.ToBase64String(new byte[160]));
        for (int i = 0; i < 100; i++)
        {
            Assert.True(_ears.Hear(base64));
        }

        var frame = new SinkTransport(isServer: false, _time);
        var ears = New();
        ears.Attach(frame.Socket);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1_000; i++)
        {
            ears.Hear(base64);
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 * 1024);
        Assert.Equal(160, _transport.Sent![0].Length);
    }

    [Fact]
    public async Task The_first_phrase_is_spoken_at_once_and_the_others_together()
    {
        Attach(_voice);
        Do(() => _voice.Say("Good morning."));
        Do(() => _voice.Say("We are open from nine."));
        Do(() => _voice.Say("On Saturday until noon."));
        Do(_voice.Complete);
        await Done();
        Assert.Equal(["Good morning. ", "Flush"], Sent());

        await Speak(160, "Flushed");
        Assert.Equal(["words Good morning.", "audio 160"], _lines);
        Assert.Equal(["We are open from nine. ", "On Saturday until noon. ", "Flush"], Sent());
        await Speak(320, "Flushed");
        Assert.Equal(["words We are open from nine. On Saturday until noon.", "audio 320", "spoken"], _lines[2..]);
    }

    [Fact]
    public async Task Audio_of_what_was_stopped_does_not_come_up_in_the_next_answer()
    {
        Attach(_voice);
        Do(() => _voice.Say("The old answer."));
        await Done();
        Audio(160);
        await Done();
        Do(_voice.Stop);
        Do(() => _voice.Say("The new answer."));
        Do(_voice.Complete);
        await Done();
        Assert.Equal(["The old answer. ", "Flush", "Clear", "The new answer. ", "Flush"], Sent());

        Audio(480);
        _transport.Receive("""{"type":"Cleared","sequence_id":1}""");
        _transport.Receive("""{"type":"Flushed","sequence_id":0}""");
        await Speak(320, "Flushed");
        Assert.Equal(["words The old answer.", "audio 160", "words The new answer.", "audio 320", "spoken"], _lines);
    }

    [Fact]
    public async Task Flushes_stay_within_what_a_minute_allows()
    {
        Attach(_voice);
        for (int answer = 0; answer < 25; answer++)
        {
            Do(() => _voice.Say("Yes."));
            Do(_voice.Complete);
            await Speak(160, "Flushed");
        }

        Assert.Equal(20, Sent().Count(sent => sent == "Flush"));
        _time.Advance(TimeSpan.FromSeconds(61));
        await Done();
        Assert.Equal(["Yes. ", "Yes. ", "Yes. ", "Yes. ", "Yes. ", "Flush"], Sent());
    }

    [Fact]
    public async Task Thirty_thousand_mutated_messages_crash_nothing()
    {
        string[] seeds =
        [
            """{"type":"SpeechStarted","channel":[0,1],"timestamp":5.25}""",
            Results(4, 1, "hello there", isFinal: true), Results(4, 1, "hello", isFinal: true, speechFinal: true),
            """{"type":"UtteranceEnd","channel":[0,1],"last_word_end":2.395}""",
            """{"type":"Metadata","request_id":"u","duration":12.3,"channels":1}""",
            """{"type":"Flushed","sequence_id":0}""", """{"type":"Warning","description":"d","code":"c"}""",
        ];
        var random = new Random(20261123);
        Attach(_ears);
        for (int round = 0; round < 30_000; round++)
        {
            byte[] message = Encoding.UTF8.GetBytes(seeds[round % seeds.Length]);
            for (int i = random.Next(4); i >= 0; i--)
            {
                message[random.Next(message.Length)] = (byte)random.Next(32, 127);
            }

            ((IMediaReceiver)_ears).OnMessage(message);
            ((IMediaReceiver)_voice).OnMessage(message);
            if (round % 500 == 0)
            {
                await Done();
            }
        }

        await Done();
        Assert.Null(_fault);
        Assert.True(_lines.Count > 5_000, $"only {_lines.Count} messages got through");
    }

    private static string Results(double start, double duration, string text, bool isFinal = false, bool speechFinal = false) => new JsonObject
    {
        ["type"] = "Results",
        ["channel_index"] = new JsonArray(0, 1),
        ["start"] = start,
        ["duration"] = duration,
        ["is_final"] = isFinal,
        ["speech_final"] = speechFinal,
        ["channel"] = new JsonObject { ["alternatives"] = new JsonArray(new JsonObject { ["transcript"] = text, ["confidence"] = 0.9 }) },
    }.ToJsonString();

    private DeepgramEars New() => new(
        Options, Setup, new Mailbox(), new(() => { }, _ => { }, (_, _) => { }, (_, _, _) => { }), new(_ => { }, (_, _) => { }, _ => { }), _time);

    private void Attach(DeepgramSocket part) => part.Attach(_transport.Socket);

    private async Task Hear(params string[] messages)
    {
        if (_lines.Count == 0)
        {
            Attach(_ears);
        }

        foreach (string message in messages)
        {
            _transport.Receive(message);
        }

        await Done();
    }

    private async Task Speak(int bytes, string then)
    {
        await Done();
        Audio(bytes);
        _transport.Receive($$"""{"type":"{{then}}","sequence_id":0}""");
        await Done();
    }

    private void Audio(int bytes) => _transport.Socket.OnBytes(_transport.Frame(Opcode.Binary, new byte[bytes]));

    private void Do(Action step) => _mailbox.Post(step);

    private async Task Done()
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _mailbox.Post(done.SetResult);
        await done.Task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
    }

    private List<string> Sent()
    {
        List<string> sent = [.. _transport.Sent!.Select(message => JsonNode.Parse(message)!).Select(message => (string?)message["text"] ?? (string)message["type"]!)];
        _transport.Sent!.Clear();
        return sent;
    }
}
