using System.Net;
using System.Text.Json.Nodes;
using Kraliki.LocalSpeech;
using Kraliki.Simulators.Deepgram;
using Kraliki.Simulators.Faults;
using Kraliki.Voice.Tests.LocalSpeech;

namespace Kraliki.Voice.Tests.Simulators.Deepgram;

public sealed class DeepgramSimulatorTests
{
    private const string Listen = "/v1/listen?model=nova-3&encoding=mulaw&sample_rate=8000&channels=1&interim_results=true&endpointing=300&utterance_end_ms=1000&vad_events=true&punctuate=true";
    private const string Speak = "/v1/speak?model=aura-2-thalia-en&encoding=mulaw&sample_rate=8000";

    private static readonly DeepgramSimulatorOptions Quick = new()
    {
        Keys = ["dg-test"],
        Recognizers = SharedEar.Recognizers,
        SpeakLatency = TimeSpan.Zero,
        OutputSpeed = 100,
    };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("mulaw", 8_000)]
    [InlineData("linear16", 16_000)]
    public async Task An_utterance_is_followed_from_its_first_sound_to_its_end(string encoding, int rate)
    {
        await using var simulator = await DeepgramSimulator.StartAsync(Quick, Cancel);
        await using var client = await DeepgramClient.ConnectAsync(
            simulator.BaseUrl, Listen.Replace("encoding=mulaw&sample_rate=8000", $"encoding={encoding}&sample_rate={rate}", StringComparison.Ordinal));
        short[] line = [.. new short[8_000], .. SpeechSynthesizer.Speak("When are you open on Saturday?", VoiceName.Rms), .. new short[12_000]];
        await client.PlayAsync(WireAudio.Out(encoding, $"{rate}")!.Encode(line), rate / 50 * (encoding == "mulaw" ? 1 : 2));

        var started = await client.ExpectAsync("SpeechStarted");
        Assert.InRange((double)started["timestamp"]!, 0.9, 1.3);
        await client.ExpectAsync("Results", results => !(bool)results["is_final"]! && Words(results).Length > 0);
        var final = await client.ExpectAsync("Results", results => (bool)results["speech_final"]!);
        Assert.True((bool)final["is_final"]!);
        Assert.Contains("saturday.", Words(final), StringComparison.OrdinalIgnoreCase);
        Assert.Equal(Words(final).Split(' ').Length, final["channel"]!["alternatives"]![0]!["words"]!.AsArray().Count);
        var end = await client.ExpectAsync("UtteranceEnd");
        Assert.Equal((double)final["start"]! + (double)final["duration"]!, (double)end["last_word_end"]!, 2);
    }

    [Fact]
    public async Task A_long_utterance_comes_in_spans_of_which_the_last_ends_the_speech()
    {
        await using var simulator = await DeepgramSimulator.StartAsync(Quick, Cancel);
        await using var client = await DeepgramClient.ConnectAsync(simulator.BaseUrl, Listen);
        await client.PlayAsync(Mulaw([.. new short[4_000], .. SpeechSynthesizer.Speak("Good morning I would like to change the date of my trip to Vienna please", VoiceName.Rms), .. new short[8_000]]));
        var first = await client.ExpectAsync("Results", results => (bool)results["is_final"]! && Words(results).Length > 0);
        Assert.False((bool)first["speech_final"]!);
        var last = await client.ExpectAsync("Results", results => (bool)results["is_final"]!);
        Assert.True((bool)last["speech_final"]!);
        Assert.Equal((double)first["start"]! + (double)first["duration"]!, (double)last["start"]!, 2);
    }

    [Fact]
    public async Task Finalize_ends_an_utterance_and_the_stream_ends_with_a_summary()
    {
        await using var simulator = await DeepgramSimulator.StartAsync(Quick, Cancel);
        await using var client = await DeepgramClient.ConnectAsync(simulator.BaseUrl, Listen);
        await client.PlayAsync(Mulaw([.. new short[4_000], .. SpeechSynthesizer.Speak("Where is your office?", VoiceName.Rms)]));
        await client.SendAsync("""{"type":"Finalize"}""");
        var final = await client.ExpectAsync("Results", results => (bool)results["from_finalize"]!);
        Assert.Contains("office", Words(final), StringComparison.OrdinalIgnoreCase);

        await client.SendAsync("""{"type":"CloseStream"}""");
        Assert.InRange((double)(await client.ExpectAsync("Metadata"))["duration"]!, 1, 4);
        await client.ExpectCloseAsync();
        Assert.Equal(1000, (int)client.CloseCode!.Value);
    }

    [Fact]
    public async Task An_empty_message_ends_the_stream()
    {
        await using var simulator = await DeepgramSimulator.StartAsync(Quick, Cancel);
        await using var client = await DeepgramClient.ConnectAsync(simulator.BaseUrl, Listen);
        await client.SendEmptyAsync();
        await client.ExpectAsync("Metadata");
    }

    [Fact]
    public async Task A_silent_client_is_closed_unless_it_keeps_the_socket_alive()
    {
        await using var simulator = await DeepgramSimulator.StartAsync(Quick with { IdleTimeout = TimeSpan.FromMilliseconds(600) }, Cancel);
        var since = TimeProvider.System.GetTimestamp();
        await using var client = await DeepgramClient.ConnectAsync(simulator.BaseUrl, Listen);
        await client.SendAsync("""{"type":"KeepAlive"}""");
        await client.ExpectCloseAsync();
        Assert.InRange(TimeProvider.System.GetElapsedTime(since).TotalMilliseconds, 500, 15_000);
        Assert.Equal(1011, (int)client.CloseCode!.Value);
        Assert.StartsWith("NET-0001", client.CloseReason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Text_is_spoken_when_it_is_flushed()
    {
        await using var simulator = await DeepgramSimulator.StartAsync(Quick, Cancel);
        await using var client = await DeepgramClient.ConnectAsync(simulator.BaseUrl, Speak);
        Assert.Equal("aura-2-thalia-en", (string)(await client.ExpectAsync("Metadata"))["model_name"]!);
        await client.SendAsync("""{"type":"Speak","text":"Hello there. "}""");
        await client.SendAsync("""{"type":"Speak","text":"How are you?"}""");
        await client.SendAsync("""{"type":"Flush"}""");
        Assert.Equal(0, (int)(await client.ExpectAsync("Flushed"))["sequence_id"]!);
        Assert.InRange(client.AudioBytes / 8_000.0, 1, 4);

        await client.SendAsync("""{"type":"Flush"}""");
        Assert.Equal(1, (int)(await client.ExpectAsync("Flushed"))["sequence_id"]!);
        await client.SendAsync("""{"type":"Close"}""");
        await client.ExpectCloseAsync();
        Assert.Equal(1000, (int)client.CloseCode!.Value);
    }

    [Fact]
    public async Task Cleared_text_is_not_spoken_any_more()
    {
        await using var simulator = await DeepgramSimulator.StartAsync(Quick with { OutputSpeed = 1 }, Cancel);
        await using var client = await DeepgramClient.ConnectAsync(simulator.BaseUrl, Speak);
        await client.SendAsync("""{"type":"Speak","text":"This is a very long sentence that nobody will ever want to hear to its end."}""");
        await client.SendAsync("""{"type":"Flush"}""");
        await client.SendAsync("""{"type":"Clear"}""");
        await client.ExpectAsync("Cleared");
        int before = client.AudioBytes;

        await client.SendAsync("""{"type":"Speak","text":"Yes."}""");
        await client.SendAsync("""{"type":"Flush"}""");
        await client.ExpectAsync("Flushed");
        Assert.InRange((client.AudioBytes - before) / 8_000.0, 0.1, 1.5);
        Assert.Single(client.Messages, message => (string)message["type"]! == "Flushed");
    }

    [Fact]
    public async Task Too_many_flushes_in_a_minute_are_ignored_with_a_warning()
    {
        await using var simulator = await DeepgramSimulator.StartAsync(Quick with { FlushesPerMinute = 2 }, Cancel);
        await using var client = await DeepgramClient.ConnectAsync(simulator.BaseUrl, Speak);
        for (int i = 0; i < 3; i++)
            await client.SendAsync("""{"type":"Flush"}""");
        Assert.Contains("Flush", (string)(await client.ExpectAsync("Warning"))["description"]!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"type":"Sing"}""", 1008, "DATA-0000")]
    [InlineData("no json", 1008, "DATA-0000")]
    public async Task What_is_no_command_closes_the_speaking_socket(string sent, int code, string reason)
    {
        await using var simulator = await DeepgramSimulator.StartAsync(Quick, Cancel);
        await using var client = await DeepgramClient.ConnectAsync(simulator.BaseUrl, Speak);
        await client.SendAsync(sent);
        await client.ExpectCloseAsync();
        Assert.Equal(code, (int)client.CloseCode!.Value);
        Assert.StartsWith(reason, client.CloseReason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_key_is_refused_with_the_services_own_headers()
    {
        await using var simulator = await DeepgramSimulator.StartAsync(Quick, Cancel);
        using var http = new HttpClient { BaseAddress = simulator.BaseUrl };
        http.DefaultRequestHeaders.Add("Authorization", "Token wrong");
        using var refused = await http.GetAsync(new Uri(Listen, UriKind.Relative), Cancel);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.NotEmpty(refused.Headers.GetValues("dg-request-id").Single());
        Assert.Equal("Invalid credentials.", refused.Headers.GetValues("dg-error").Single());
        Assert.Equal("INVALID_AUTH", (string)JsonNode.Parse(await refused.Content.ReadAsStringAsync(Cancel))!["err_code"]!);
    }

    [Theory]
    [InlineData("Bearer dg-test")]
    [InlineData(null)]
    public async Task A_bearer_token_and_a_browsers_sub_protocols_are_accepted(string? authorization)
    {
        await using var simulator = await DeepgramSimulator.StartAsync(Quick, Cancel);
        await using var client = await DeepgramClient.ConnectAsync(simulator.BaseUrl, Speak, authorization, authorization is null ? ["token", "dg-test"] : []);
        await client.ExpectAsync("Metadata");
    }

    [Theory]
    [InlineData("/v1/listen?model=nova-3&encoding=mulaw&sample_rate=7")]
    [InlineData("/v1/listen?model=nova-3&encoding=mulaw&sample_rate=8000&utterance_end_ms=1000")]
    [InlineData("/v1/speak?model=loud&encoding=mulaw&sample_rate=8000")]
    public async Task A_wrong_query_is_refused(string path)
    {
        await using var simulator = await DeepgramSimulator.StartAsync(Quick, Cancel);
        using var http = new HttpClient { BaseAddress = simulator.BaseUrl };
        http.DefaultRequestHeaders.Add("Authorization", "Token dg-test");
        http.DefaultRequestHeaders.Add("Connection", "Upgrade");
        http.DefaultRequestHeaders.Add("Upgrade", "websocket");
        http.DefaultRequestHeaders.Add("Sec-WebSocket-Version", "13");
        http.DefaultRequestHeaders.Add("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        using var refused = await http.GetAsync(new Uri(path, UriKind.Relative), Cancel);
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
    }

    [Fact]
    public async Task Faults_of_ears_and_voice_are_armed_apart()
    {
        await using var simulator = await DeepgramSimulator.StartAsync(Quick, Cancel);
        simulator.ListenFaults.Arm(new Fault(FaultKind.Close, Code: "1011", Reason: "bye"));
        await using var speaking = await DeepgramClient.ConnectAsync(simulator.BaseUrl, Speak);
        await using var listening = await DeepgramClient.ConnectAsync(simulator.BaseUrl, Listen);
        await listening.ExpectCloseAsync();
        Assert.Equal("bye", listening.CloseReason);
        await speaking.ExpectAsync("Metadata");
    }

    private static byte[] Mulaw(short[] pcm) => WireAudio.Out("mulaw", "8000")!.Encode(pcm);

    private static string Words(JsonObject results) => (string)results["channel"]!["alternatives"]![0]!["transcript"]!;
}
