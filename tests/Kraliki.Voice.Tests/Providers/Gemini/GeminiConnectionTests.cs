using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using Kraliki.LocalSpeech;
using Kraliki.Voice.Audio;
using Kraliki.Voice.Providers;
using Kraliki.Voice.Providers.Gemini;
using Kraliki.Voice.Tests.LocalSpeech;
using Kraliki.Voice.Tests.Net;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Voice.Tests.Providers.Gemini;

/// <summary>The connection without a service: server messages in any order, what it answers is read back.</summary>
public sealed class GeminiConnectionTests
{
    private static readonly ProviderSetup Plain = new(Guid.CreateVersion7(), "You are the demo assistant.", ConversationContext.Empty, CallTool.All);

    private readonly ProviderRecorder _events = new();
    private readonly FakeTimeProvider _time = new();
    private readonly SinkTransport _transport;
    private readonly GeminiConnection _connection;

    public GeminiConnectionTests()
    {
        _transport = new(isServer: false, _time) { Sent = [] };
        _connection = new(new GeminiOptions { ApiKey = "k" }, Plain, _events, _time);
        _connection.Start(_transport.Socket);
        _transport.Receive("""{"setupComplete":{}}""");
    }

    [Fact]
    public void The_setup_takes_turn_taking_away_from_the_service()
    {
        using var setup = JsonDocument.Parse(_transport.Sent![0]);
        var agreed = setup.RootElement.GetProperty("setup");
        Assert.Equal("models/gemini-3.8-live", agreed.GetProperty("model").GetString());
        Assert.Equal(
            """{"automaticActivityDetection":{"disabled":true},"activityHandling":"NO_INTERRUPTION","turnCoverage":"TURN_INCLUDES_ONLY_ACTIVITY"}""",
            agreed.GetProperty("realtimeInputConfig").GetRawText());
        Assert.Equal("end_call", agreed.GetProperty("tools")[0].GetProperty("functionDeclarations")[0].GetProperty("name").GetString());
        Assert.Equal("{}", agreed.GetProperty("sessionResumption").GetRawText());
        Assert.Single(_transport.Sent!);
    }

    [Fact]
    public void Silence_is_not_told_and_speech_is_told_with_what_came_before_it()
    {
        Hear(new short[8_000]);
        Assert.Single(_transport.Sent!);
        Hear(Sounds.Noise(600, 0.2));
        Hear(new short[8_000]);
        var sent = _transport.Sent!.Skip(1).ToList();
        Assert.Equal("""{"realtimeInput":{"activityStart":{}}}""", sent[0]);
        Assert.Equal("""{"realtimeInput":{"activityEnd":{}}}""", sent[^1]);

        // 300 ms and the onset before it, 600 ms of sound, 500 ms of silence that ended it.
        Assert.InRange(sent.Count - 2, 65, 85);
    }

    [Fact]
    public void Words_over_an_answer_wait_in_an_open_activity_for_the_verdict()
    {
        _connection.HoldAnswers();
        Hear([.. Sounds.Noise(600, 0.2), .. new short[8_000]]);
        Assert.DoesNotContain(_transport.Sent!, sent => sent.Contains("activityEnd", StringComparison.Ordinal));

        _connection.ResumeAnswers(answerNow: false);
        Hear([.. Sounds.Noise(600, 0.2), .. new short[8_000]]);
        Assert.Single(_transport.Sent!, sent => sent.Contains("activityStart", StringComparison.Ordinal));
        Assert.Contains("activityEnd", _transport.Sent![^1], StringComparison.Ordinal);
    }

    [Fact]
    public void Verdict_in_the_middle_of_speech_leaves_its_end_to_the_caller()
    {
        _connection.HoldAnswers();
        Hear(Sounds.Noise(600, 0.2));
        _connection.ResumeAnswers(answerNow: true);
        Assert.DoesNotContain(_transport.Sent!, sent => sent.Contains("activityEnd", StringComparison.Ordinal));
        Hear(new short[8_000]);
        Assert.Contains("activityEnd", _transport.Sent![^1], StringComparison.Ordinal);
    }

    [Fact]
    public void Fragments_make_one_turn_that_ends_when_no_more_come()
    {
        Hear([.. Sounds.Noise(600, 0.2), .. new short[8_000]]);
        Content("\"inputTranscription\":{\"text\":\" when are\"}");
        _time.Advance(TimeSpan.FromMilliseconds(300));
        Content("\"inputTranscription\":{\"text\":\" you open\"}");
        _time.Advance(TimeSpan.FromMilliseconds(399));
        Content("\"interimInputTranscription\":{\"text\":\"\"}");
        Assert.DoesNotContain(_events.Written, line => line.StartsWith("final", StringComparison.Ordinal));
        _time.Advance(TimeSpan.FromMilliseconds(401));
        Quiet();
        Assert.Equal("final c1 when are you open", _events.Written[^1]);
    }

    [Fact]
    public void Guess_is_shown_early_and_replaced_by_what_is_sure()
    {
        Hear(Sounds.Noise(600, 0.2));
        Content("\"interimInputTranscription\":{\"text\":\"when or you\"}");
        Content("\"inputTranscription\":{\"text\":\"when are you\"}");
        Assert.Equal(["partial c1 when or you", "partial c1 when are you"], _events.Written.TakeLast(2));
    }

    [Fact]
    public void Cough_over_an_answer_is_known_at_once_for_it_has_no_voice()
    {
        _connection.HoldAnswers();
        Hear([.. Sounds.Cough(300), .. new short[8_000]]);
        Quiet();
        Assert.Equal("final c1 ", _events.Written[^1]);
    }

    [Fact]
    public void Voice_over_an_answer_may_be_a_word_that_is_still_to_come()
    {
        _connection.HoldAnswers();
        Hear([.. SpeechSynthesizer.Speak("Stop.", VoiceName.Rms), .. new short[8_000]]);
        Quiet();
        _time.Advance(TimeSpan.FromSeconds(2));
        Content("\"inputTranscription\":{\"text\":\"stop\"}");
        _time.Advance(TimeSpan.FromSeconds(1));
        Quiet();
        Assert.Equal("final c1 stop", _events.Written[^1]);
    }

    [Fact]
    public void Turn_that_the_model_passes_over_without_words_is_no_failure()
    {
        Hear([.. Sounds.Noise(600, 0.2), .. new short[8_000]]);
        Quiet();
        _time.Advance(TimeSpan.FromSeconds(4));
        Content("\"turnComplete\":true");
        Assert.Equal("final c1 ", _events.Written[^1]);
    }

    [Fact]
    public void Turn_that_was_understood_and_gets_no_answer_is_a_failure()
    {
        Hear([.. Sounds.Noise(600, 0.2), .. new short[8_000]]);
        Content("\"inputTranscription\":{\"text\":\"hello\"}");
        Content("\"turnComplete\":true,\"turnCompleteReason\":\"RESPONSE_REJECTED\"");
        Assert.Contains("failed response_rejected Gemini gave no answer (RESPONSE_REJECTED).", _events.Written);
    }

    [Fact]
    public void Speech_that_is_answered_without_being_written_down_was_speech_all_the_same()
    {
        Hear([.. Sounds.Noise(600, 0.2), .. new short[8_000]]);
        Audio();
        _time.Advance(TimeSpan.FromSeconds(2));
        Quiet();
        Assert.Contains("final c1 (inaudible)", _events.Written);
    }

    [Fact]
    public void Nothing_is_told_while_an_answer_is_coming_for_it_would_break_it_off()
    {
        Audio();
        _connection.Instruct("Say hello.");
        _connection.Truncate("another", 0);
        Assert.DoesNotContain(_transport.Sent!, sent => sent.Contains("clientContent", StringComparison.Ordinal));
        Content("\"generationComplete\":true");
        string told = Assert.Single(_transport.Sent!, sent => sent.Contains("clientContent", StringComparison.Ordinal));
        Assert.Contains("[Operator: Say hello.]", Texts(told)[^1], StringComparison.Ordinal);
        Assert.Contains("heard nothing", Texts(told)[0], StringComparison.Ordinal);
        Assert.Contains("\"turnComplete\":true", told, StringComparison.Ordinal);
    }

    [Fact]
    public void Cancelled_answer_is_broken_off_and_its_rest_is_not_heard()
    {
        Content("\"outputTranscription\":{\"text\":\"One two three four\"}");
        Audio();
        string turn = _events.Written.Single(line => line.StartsWith("text", StringComparison.Ordinal)).Split(' ')[1];
        _connection.CancelAnswer();
        Assert.Equal("""{"clientContent":{"turnComplete":false}}""", _transport.Sent![^1]);
        Content("\"outputTranscription\":{\"text\":\" five\"}");
        Content("\"interrupted\":true");
        Audio();
        Content("\"turnComplete\":true");
        Assert.Equal($"done {turn} One two three four", _events.Written[^1]);

        Content("\"outputTranscription\":{\"text\":\"Next.\"}");
        Assert.Equal("text a2 Next.", _events.Written[^1]);
    }

    [Fact]
    public void Interruption_without_an_end_of_the_turn_silences_nothing_for_long()
    {
        Audio();
        Content("\"interrupted\":true");
        _time.Advance(TimeSpan.FromSeconds(2));
        Content("\"outputTranscription\":{\"text\":\"Next.\"}");
        Assert.Equal("text a2 Next.", _events.Written[^1]);
    }

    [Fact]
    public void Tools_are_taken_away_and_given_back_while_the_session_runs()
    {
        _connection.OfferTools([]);
        Assert.Equal("""{"contextUpdate":{"tools":{"tools":[]}}}""", _transport.Sent![^1]);
        _connection.OfferTools(CallTool.All);
        Assert.Contains("end_call", _transport.Sent![^1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_handle_is_good_until_something_more_is_said()
    {
        _transport.Receive("""{"sessionResumptionUpdate":{"newHandle":"h1","resumable":true}}""");
        Assert.Equal("h1", _connection.ResumeHandle);
        _transport.Receive("""{"sessionResumptionUpdate":{"newHandle":"","resumable":false}}""");
        Assert.Null(_connection.ResumeHandle);
        _transport.Receive("""{"sessionResumptionUpdate":{"newHandle":"h2","resumable":true}}""");
        _transport.Receive("""{"serverContent":{"inputTranscription":{"text":"and one more thing"}}}""");
        Assert.Null(_connection.ResumeHandle);
    }

    [Fact]
    public void Frames_both_ways_cost_no_allocation()
    {
        short[] noise = Sounds.Noise(20, 0.2);
        var mulaw = new byte[160];
        G711.Encode(noise, mulaw);
        var base64 = new byte[216];
        Base64.EncodeToUtf8(mulaw, base64, out _, out _);
        var events = new QuietEvents();
        var transport = new SinkTransport(isServer: false, _time);
        var connection = new GeminiConnection(new GeminiOptions { ApiKey = "k" }, Plain, events, _time);
        connection.Start(transport.Socket);
        transport.Receive("""{"setupComplete":{}}""");
        byte[] answer = transport.Frame(Kraliki.Voice.Net.Opcode.Binary, Encoding.UTF8.GetBytes(AudioMessage()));
        long spent = 0;
        for (int round = 0; round < 600; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Assert.True(connection.SendAudio(base64));
            transport.Socket.OnBytes(answer);
            spent += round < 200 ? 0 : GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.Equal(0, spent);
        Assert.Equal(600, events.Audio);
    }

    [Fact]
    public void Audio_is_heard_however_its_slashes_are_written()
    {
        var events = new QuietEvents();
        var connection = new GeminiConnection(new GeminiOptions { ApiKey = "k" }, Plain, events, _time);
        connection.Start(new SinkTransport(isServer: false, _time).Socket);
        string escaped = AudioMessage().Replace("AAAA\"", "A\\/8\\u003d\"", StringComparison.Ordinal);
        Assert.Contains("\\u003d", escaped, StringComparison.Ordinal);
        connection.OnMessage(Encoding.UTF8.GetBytes(escaped));
        Assert.Equal(1, events.Audio);
        connection.OnMessage(Encoding.UTF8.GetBytes(AudioMessage().Replace("AAAA\"", "\\ud800\"", StringComparison.Ordinal)));
        Assert.Equal(1, events.Audio);
    }

    [Fact]
    public void Twenty_thousand_mutated_messages_crash_nothing()
    {
        var events = new QuietEvents();
        var connection = new GeminiConnection(new GeminiOptions { ApiKey = "k" }, Plain, events, _time);
        connection.Start(new SinkTransport(isServer: false, _time).Socket);
        string[] seeds =
        [
            AudioMessage(),
            """{"setupComplete":{}}""",
            """{"serverContent":{"inputTranscription":{"text":" hello","finished":false}}}""",
            """{"serverContent":{"outputTranscription":{"text":"Hi"}}}""",
            """{"serverContent":{"generationComplete":true}}""",
            """{"serverContent":{"interrupted":true}}""",
            """{"serverContent":{"turnComplete":true},"usageMetadata":{"promptTokenCount":3,"responseTokenCount":4,"totalTokenCount":7,"promptTokensDetails":[{"modality":"AUDIO","tokenCount":3}]}}""",
            """{"toolCall":{"functionCalls":[{"id":"fc1","name":"lookup","args":{"q":1}},null]}}""",
            """{"toolCallCancellation":{"ids":["fc1",null]}}""",
            """{"goAway":{"timeLeft":"50s"}}""",
            """{"sessionResumptionUpdate":{"newHandle":"abc","resumable":true}}""",
        ];
        var random = new Random(20261123);
        for (int round = 0; round < 20_000; round++)
        {
            byte[] message = Encoding.UTF8.GetBytes(seeds[round % seeds.Length]);
            for (int i = random.Next(0, 4); i > 0; i--)
            {
                message[random.Next(message.Length)] = (byte)random.Next(256);
            }

            connection.OnMessage(message.AsSpan(0, random.Next(5) == 0 ? random.Next(message.Length) : message.Length));
        }

        Assert.Null(events.Fault);
        Assert.True(events.Audio > 200, $"only {events.Audio} pieces of audio got through");
        Assert.True(events.Others > 1_000, $"only {events.Others} events got through");
    }

    private static string AudioMessage() => $$$"""
        {
          "serverContent": {"modelTurn": {"role":"model","parts":[{"text":"thinking","thought":true},{"inlineData":{"mimeType":"audio/pcm;rate=24000","data":"{{{Convert.ToBase64String(new byte[960])}}}"}}]}}
        }
        """;

    private static List<string> Texts(string message)
    {
        using var document = JsonDocument.Parse(message);
        return [.. document.RootElement.GetProperty("clientContent").GetProperty("turns").EnumerateArray().Select(turn => turn.GetProperty("parts")[0].GetProperty("text").GetString()!)];
    }

    private void Audio() => _transport.Receive(AudioMessage());

    private void Content(string members) => _transport.Receive("{\"serverContent\":{" + members + "}}");

    /// <summary>A message that says nothing: what was waiting is raised before it.</summary>
    private void Quiet() => _transport.Receive("{}");

    private void Hear(short[] pcm)
    {
        var mulaw = new byte[160];
        var base64 = new byte[216];
        for (int start = 0; start + 160 <= pcm.Length; start += 160)
        {
            G711.Encode(pcm.AsSpan(start, 160), mulaw);
            Base64.EncodeToUtf8(mulaw, base64, out _, out int length);
            Assert.True(_connection.SendAudio(base64.AsSpan(0, length)), "the connection takes no audio");
        }
    }
}
