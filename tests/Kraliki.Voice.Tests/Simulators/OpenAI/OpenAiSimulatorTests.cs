using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Kraliki.LocalSpeech;
using Kraliki.Simulators.Faults;
using Kraliki.Simulators.OpenAI;
using Kraliki.Voice.Tests.LocalSpeech;

namespace Kraliki.Voice.Tests.Simulators.OpenAI;

public sealed class OpenAiSimulatorTests
{
    private static readonly OpenAiSimulatorOptions Quick = new()
    {
        Mind = _ => new("Yes."),
        Voice = (text, _) => SessionStage.Tone(4_000),
        Ear = () => new HeldEar { HeardAtOnce = "yes" },
        OutputSpeed = 100,
        ThinkTime = TimeSpan.Zero,
        Keys = ["sk-test"],
    };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("audio/pcmu", "server_vad")]
    [InlineData("audio/pcma", "server_vad")]
    [InlineData("audio/pcm", "semantic_vad")]
    public async Task A_question_is_heard_from_its_sound_and_answered_in_speech(string type, string detection)
    {
        await using var simulator = await OpenAiSimulator.StartAsync(
            new() { ThinkTime = TimeSpan.Zero, OutputSpeed = 50, Recognizers = SharedEar.Recognizers }, Cancel);
        await using var client = await RealtimeClient.ConnectAsync(simulator.BaseUrl);
        await client.SendAsync($$"""
            {"type":"session.update","session":{"type":"realtime","audio":{
             "input":{"format":{"type":"{{type}}"},"transcription":{"model":"gpt-4o-mini-transcribe"},"turn_detection":{"type":"{{detection}}"} },
             "output":{"format":{"type":"{{type}}"} } } } }
            """);
        await client.ExpectAsync("session.updated");
        var format = AudioFormat.Find(type)!;

        short[] line = [.. new short[2_400], .. SpeechSynthesizer.Speak("When are you open on Saturday?", VoiceName.Rms), .. new short[8_000]];
        await client.PlayAsync(format.Encode(line, AudioFormat.Up()), format.BytesPerMs);

        var heard = (string)(await client.ExpectAsync("conversation.item.input_audio_transcription.completed"))["transcript"]!;
        Assert.Contains("open", heard);
        Assert.Contains("saturday", heard);
        var answer = (string)(await client.ExpectAsync("response.output_audio_transcript.done"))["transcript"]!;
        Assert.Contains("nine", answer);
        Assert.Equal("completed", (string)(await client.ExpectAsync("response.done"))["response"]!["status"]!);

        var deltas = client.Events.Where(e => (string)e["type"]! == "response.output_audio.delta").Select(e => (string)e["delta"]!);
        var spoken = format.Decode(deltas.SelectMany(Convert.FromBase64String).ToArray(), AudioFormat.Down());
        Assert.InRange(spoken.Length / 8_000.0, 3, 20);
        Assert.True(spoken.Max() > 3_000, "The answer is silence.");
    }

    [Fact]
    public async Task The_server_pings_its_client()
    {
        await using var simulator = await OpenAiSimulator.StartAsync(Quick with { PingInterval = TimeSpan.FromMilliseconds(50) }, Cancel);
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(IPAddress.Loopback, simulator.BaseUrl.Port, Cancel);
        var stream = tcp.GetStream();
        await stream.WriteAsync(
            "GET /v1/realtime?model=gpt-realtime HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer sk-test\r\n\r\n"u8.ToArray(),
            Cancel);

        var received = new List<byte>();
        var buffer = new byte[8_192];
        // RFC 6455 §5.5.2: 0x89 begins a PING; no byte of the JSON before it has the top bit set.
        while (!received.SkipWhile(b => b != 0x81).Skip(1).Contains((byte)0x89))
        {
            var read = await stream.ReadAsync(buffer, Cancel).AsTask().WaitAsync(TimeSpan.FromSeconds(10), Cancel);
            Assert.True(read > 0, "The server closed before it pinged.");
            received.AddRange(buffer.AsSpan(0, read));
        }
    }

    [Theory]
    [InlineData("sk-wrong", "?model=gpt-realtime", null, "invalid_api_key", 3000)]
    [InlineData(null, "?model=gpt-realtime", null, "invalid_api_key", 3000)]
    [InlineData("ek_unknown", "?model=gpt-realtime", null, "invalid_api_key", 3000)]
    [InlineData("sk-test", "", null, "missing_model", 4000)]
    [InlineData("sk-test", "?model=gpt-3", null, "invalid_model", 4000)]
    [InlineData("sk-test", "?model=gpt-realtime", "realtime=v1", "beta_api_shape_disabled", 4000)]
    public async Task A_refused_client_is_told_on_the_open_socket(string? key, string query, string? beta, string code, int closeCode)
    {
        await using var simulator = await OpenAiSimulator.StartAsync(Quick, Cancel);
        await using var client = await RealtimeClient.ConnectAsync(simulator.BaseUrl, query, key, beta);

        Assert.Equal(code, (string)(await client.ExpectAsync("error"))["error"]!["code"]!);
        Assert.Null(await client.NextAsync());
        Assert.Equal(((WebSocketCloseStatus)closeCode, $"invalid_request_error.{code}"), (client.CloseCode!.Value, client.CloseReason));
    }

    [Fact]
    public async Task A_binary_frame_is_refused_and_the_session_goes_on()
    {
        await using var simulator = await OpenAiSimulator.StartAsync(Quick, Cancel);
        await using var client = await RealtimeClient.ConnectAsync(simulator.BaseUrl);

        await client.SendBinaryAsync();
        Assert.Equal("invalid_event", (string)(await client.ExpectAsync("error"))["error"]!["code"]!);

        await client.SendAsync("""{"type":"input_audio_buffer.clear"}""");
        await client.ExpectAsync("input_audio_buffer.cleared");
    }

    [Fact]
    public async Task An_ephemeral_key_opens_the_session_that_it_was_made_for()
    {
        await using var simulator = await OpenAiSimulator.StartAsync(Quick, Cancel);
        using var http = Http(simulator, "sk-test");
        var minted = await http.PostAsJsonAsync(
            "v1/realtime/client_secrets",
            new { expires_after = new { anchor = "created_at", seconds = 60 }, session = new { type = "realtime", model = "gpt-realtime-2", instructions = "Be kind." } },
            Cancel);
        var key = (string)(await minted.Content.ReadFromJsonAsync<JsonObject>(Cancel))!["value"]!;
        Assert.StartsWith("ek_", key);

        await using var client = await RealtimeClient.ConnectAsync(
            simulator.BaseUrl, query: "", key: null, protocols: ["realtime", $"openai-insecure-api-key.{key}"]);

        var session = (await client.ExpectAsync("session.created"))["session"]!;
        Assert.Equal(("gpt-realtime-2", "Be kind."), ((string)session["model"]!, (string)session["instructions"]!));
    }

    [Fact]
    public async Task Models_are_listed_for_a_good_key_and_a_bad_one_gets_401()
    {
        await using var simulator = await OpenAiSimulator.StartAsync(Quick, Cancel);
        using var good = Http(simulator, "sk-test");
        using var bad = Http(simulator, "sk-other");

        var models = await good.GetFromJsonAsync<JsonObject>("v1/models", Cancel);
        Assert.Contains("gpt-realtime", models!["data"]!.AsArray().Select(model => (string)model!["id"]!));

        var refused = await bad.GetAsync("v1/models", Cancel);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.Equal("invalid_api_key", (string)(await refused.Content.ReadFromJsonAsync<JsonObject>(Cancel))!["error"]!["code"]!);
        Assert.Equal(HttpStatusCode.NotFound, (await good.GetAsync("v1/models/gpt-3", Cancel)).StatusCode);
        var malformed = await good.PostAsync("v1/realtime/client_secrets", new StringContent("{"), Cancel);
        Assert.Equal(HttpStatusCode.BadRequest, malformed.StatusCode);
    }

    [Theory]
    [InlineData(FaultKind.Close, "1011", 1011)]
    [InlineData(FaultKind.Expire, null, 1001)]
    public async Task A_session_is_closed_at_the_chosen_moment(FaultKind kind, string? code, int closeCode)
    {
        await using var simulator = await OpenAiSimulator.StartAsync(Quick, Cancel);
        simulator.Faults.Arm(new Fault(kind, new FaultMoment(On: "response.output_audio.delta"), code, "fault"));
        await using var client = await RealtimeClient.ConnectAsync(simulator.BaseUrl);

        await client.SendAsync("""{"type":"response.create"}""");
        await client.ExpectAsync("response.output_audio.delta");
        while (await client.NextAsync("the close") is not null)
        {
        }

        Assert.Equal(closeCode, (int)client.CloseCode!.Value);
    }

    [Fact]
    public async Task A_dropped_connection_ends_without_a_word_after_the_chosen_frame()
    {
        await using var simulator = await OpenAiSimulator.StartAsync(Quick, Cancel);
        simulator.Faults.Arm(new Fault(FaultKind.Drop, new FaultMoment(AfterFrames: 5)));
        await using var client = await RealtimeClient.ConnectAsync(simulator.BaseUrl);
        await client.ExpectAsync("session.created");

        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            await client.PlayAsync(new byte[160 * 5]);
            Assert.NotNull(await client.NextAsync("the end"));
        });

        Assert.Null(client.CloseCode);
    }

    [Fact]
    public async Task Garbage_and_an_error_event_come_between_good_events()
    {
        await using var simulator = await OpenAiSimulator.StartAsync(Quick, Cancel);
        simulator.Faults.Arm(new Fault(FaultKind.Garbage, new FaultMoment(On: "session.created")));
        simulator.Faults.Arm(new Fault(FaultKind.ErrorEvent, new FaultMoment(On: "input_audio_buffer.clear"), "server_error", "Sorry."));
        await using var client = await RealtimeClient.ConnectAsync(simulator.BaseUrl);

        await client.ExpectAsync("session.created");
        var garbage = await client.NextAsync();
        Assert.ThrowsAny<System.Text.Json.JsonException>(() => JsonNode.Parse(garbage!));

        await client.SendAsync("""{"type":"input_audio_buffer.clear"}""");
        await client.ExpectAsync("input_audio_buffer.cleared");
        Assert.Equal("Sorry.", (string)(await client.ExpectAsync("error"))["error"]!["message"]!);
    }

    [Theory]
    [InlineData("401")]
    [InlineData("429")]
    [InlineData("503")]
    public async Task A_connection_is_refused_with_the_chosen_status_and_the_next_one_is_not(string status)
    {
        await using var simulator = await OpenAiSimulator.StartAsync(Quick, Cancel);
        simulator.Faults.Arm(new Fault(FaultKind.Refuse, Code: status));

        var refused = await Assert.ThrowsAsync<System.Net.WebSockets.WebSocketException>(() => RealtimeClient.ConnectAsync(simulator.BaseUrl));

        Assert.Contains(status, refused.Message, StringComparison.Ordinal);
        await using var client = await RealtimeClient.ConnectAsync(simulator.BaseUrl);
        await client.ExpectAsync("session.created");
    }

    [Fact]
    public async Task An_answer_can_be_made_silent_while_its_words_go_on()
    {
        await using var simulator = await OpenAiSimulator.StartAsync(Quick, Cancel);
        simulator.Faults.Arm(new Fault(FaultKind.Degrade));
        await using var client = await RealtimeClient.ConnectAsync(simulator.BaseUrl);

        await client.SendAsync("""{"type":"response.create"}""");

        Assert.NotEmpty((string)(await client.ExpectAsync("response.output_audio_transcript.delta"))["delta"]!);
        var delta = Convert.FromBase64String((string)(await client.ExpectAsync("response.output_audio.delta"))["delta"]!);
        Assert.All(delta, part => Assert.Equal(0, part));
    }

    [Fact]
    public async Task A_frozen_session_says_nothing_until_it_thaws()
    {
        await using var simulator = await OpenAiSimulator.StartAsync(Quick, Cancel);
        simulator.Faults.Arm(new Fault(FaultKind.Freeze, new FaultMoment(On: "session.created"), DelayMs: 300));
        await using var client = await RealtimeClient.ConnectAsync(simulator.BaseUrl);
        var since = TimeProvider.System.GetTimestamp();

        await client.SendAsync("""{"type":"input_audio_buffer.clear"}""");
        await client.ExpectAsync("input_audio_buffer.cleared");

        Assert.InRange(TimeProvider.System.GetElapsedTime(since).TotalMilliseconds, 200, 15_000);
    }

    [Fact]
    public async Task An_open_session_is_listed_and_a_fault_can_be_aimed_at_it()
    {
        await using var simulator = await OpenAiSimulator.StartAsync(Quick, Cancel);
        await using var bystander = await RealtimeClient.ConnectAsync(simulator.BaseUrl, "?model=gpt-realtime-mini");
        await using var client = await RealtimeClient.ConnectAsync(simulator.BaseUrl);
        await bystander.ExpectAsync("session.created");
        var id = (string)(await client.ExpectAsync("session.created"))["session"]!["id"]!;
        Assert.Equal(id, Assert.Single(simulator.Sessions, session => session.Model == "gpt-realtime").Id);

        simulator.Faults.Arm(new Fault(FaultKind.Close, Code: "1012", Connection: id));
        Assert.Null(await client.NextAsync("the close"));
        Assert.Equal(1012, (int)client.CloseCode!.Value);

        await bystander.SendAsync("""{"type":"input_audio_buffer.clear"}""");
        await bystander.ExpectAsync("input_audio_buffer.cleared");
    }

    private static HttpClient Http(OpenAiSimulator simulator, string key)
    {
        var http = new HttpClient { BaseAddress = new Uri(simulator.BaseUrl, "/") };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return http;
    }
}
