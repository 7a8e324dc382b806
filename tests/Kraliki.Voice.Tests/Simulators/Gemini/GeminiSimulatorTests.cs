using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Kraliki.Simulators.Gemini;
using Kraliki.Simulators.OpenAI;
using Kraliki.Voice.Tests.Simulators.OpenAI;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Voice.Tests.Simulators.Gemini;

public sealed class GeminiSimulatorTests
{
    private const string Manual = ""","realtimeInputConfig":{"automaticActivityDetection":{"disabled":true},"activityHandling":"NO_INTERRUPTION"}""";

    private static readonly GeminiSimulatorOptions Quick = new()
    {
        Mind = _ => new("One two three."),
        Voice = (text, _) => SessionStage.Tone(2_000),
        Ear = () => new HeldEar { HeardAtOnce = "yes" },
        OutputSpeed = 100,
        ThinkTime = TimeSpan.Zero,
        Keys = ["g-test"],
    };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(LiveClient.Path)]
    [InlineData("/" + LiveClient.Path)]
    public async Task The_socket_is_found_with_one_slash_and_with_two(string path)
    {
        await using var simulator = await GeminiSimulator.StartAsync(Quick, Cancel);
        await using var client = await LiveClient.ConnectAsync(simulator.BaseUrl, path);
        await client.SendAsync("""{"setup":{"model":"models/gemini-3.8-live"}}""");
        await client.ExpectAsync("setupComplete");
        Assert.Equal(WebSocketMessageType.Binary, client.LastFrame);
    }

    [Theory]
    [InlineData("""{"clientContent":{"turnComplete":true}}""", "1007 setup must be the first message and only the first.")]
    [InlineData("""{"setup":{"model":"models/gemini-3.8-live","colour":"red"}}""", "1007 Invalid JSON payload received. Unknown name \"colour\" at 'setup': Cannot find field.")]
    [InlineData("""{"setup":{"model":"models/gemini-3.8-live","realtimeInputConfig":{"automaticActivityDetection":{"off":true}}}}""", "1007 Invalid JSON payload received. Unknown name \"off\"")]
    [InlineData("""{"setup":{"model":"models/gemini-3.8-live","tools":{}}}""", "1007 Invalid JSON payload received. Invalid value at 'setup.tools'.")]
    [InlineData("""{"setup":{"model":"gemini-3.8-live"}}""", "1008 gemini-3.8-live is not found for API version v1beta")]
    [InlineData("""{"setup":{"model":"models/gpt"}}""", "1008 models/gpt is not found for API version v1beta")]
    [InlineData("""{"setup":{"model":"models/gemini-3.8-live","sessionResumption":{"handle":"x"}}}""", "1007 Invalid session resumption handle.")]
    [InlineData("""{"setup":{},"clientContent":{}}""", "1007 Invalid JSON payload received.")]
    [InlineData("[]", "1007 Invalid JSON payload received.")]
    [InlineData("{", "1007 Invalid JSON payload received.")]
    public async Task A_wrong_first_message_closes_with_its_reason(string json, string closed)
    {
        await using var simulator = await GeminiSimulator.StartAsync(Quick, Cancel);
        await using var client = await LiveClient.ConnectAsync(simulator.BaseUrl);
        await client.SendAsync(json);
        Assert.StartsWith(closed, await client.ExpectCloseAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", """{"setup":{"model":"models/gemini-3.8-live"}}""", "1007 setup must only be sent once.")]
    [InlineData("", """{"realtimeInput":{"mediaChunks":[]}}""", "1007 realtime_input.media_chunks is deprecated.")]
    [InlineData("", """{"realtimeInput":{"activityStart":{}}}""", "1007 Explicit activity control is not supported")]
    [InlineData(Manual, """{"realtimeInput":{"audioStreamEnd":true}}""", "1007 audio_stream_end is only supported")]
    [InlineData("", """{"realtimeInput":{"audio":{"mimeType":"audio/pcmu","data":"AAAA"}}}""", "1007 Unsupported audio format 'audio/pcmu'.")]
    [InlineData("", """{"clientContent":{"turns":[{"role":"assistant","parts":[{"text":"x"}]}]}}""", "1007 Please use a valid role: user, model.")]
    [InlineData("", """{"toolResponse":{"functionResponses":[{"id":"a","name":"b","response":"text"}]}}""", "1007 Invalid value at")]
    public async Task A_wrong_message_closes_with_its_reason(string setup, string json, string closed)
    {
        await using var simulator = await GeminiSimulator.StartAsync(Quick, Cancel);
        await using var client = await LiveClient.SetUpAsync(simulator.BaseUrl, setup);
        await client.SendAsync(json);
        Assert.StartsWith(closed, await client.ExpectCloseAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_understood_first_is_not_written_down_before_what_was_said_first()
    {
        await using var simulator = await GeminiSimulator.StartAsync(Quick with { Ear = () => new HastyEar() }, Cancel);
        await using var client = await LiveClient.SetUpAsync(simulator.BaseUrl, Manual);
        await client.SendAsync("""{"realtimeInput":{"activityStart":{}}}""");
        for (int utterance = 0; utterance < 2; utterance++)
        {
            await client.PlayAsync(600, loud: true);
            await client.PlayAsync(600, loud: false);
        }

        await client.SendAsync("""{"realtimeInput":{"activityEnd":{}}}""");
        await client.ExpectAsync("turnComplete");
        Assert.Equal(" first second", string.Concat(client.Messages.Select(message => (string?)message["serverContent"]?["inputTranscription"]?["text"])));
    }

    [Fact]
    public async Task Speech_interrupts_an_answer_and_the_model_keeps_what_it_thinks_was_played()
    {
        var asked = new List<MindInput>();
        await using var simulator = await GeminiSimulator.StartAsync(
            Quick with
            {
                OutputSpeed = 1,

                // However long the client takes to speak up, this is the first sentence still.
                Voice = (text, _) => SessionStage.Tone(20_000),
                Mind = input =>
                {
                    asked.Add(input);
                    return new("One. Two. Three.");
                },
            },
            Cancel);
        await using var client = await LiveClient.SetUpAsync(simulator.BaseUrl);
        await client.AskAsync("Count.");
        await client.ExpectAsync("modelTurn");
        await client.PlayAsync(600, loud: true);
        await client.ExpectAsync("interrupted");
        await client.ExpectAsync("turnComplete");
        Assert.DoesNotContain("generationComplete", client.Names);

        await client.PlayAsync(800, loud: false);
        await client.ExpectAsync("modelTurn");
        Assert.Equal(["Count.", "One.", "yes"], asked[^1].Turns.Select(turn => turn.Text));
    }

    [Fact]
    public async Task Speech_that_may_not_interrupt_is_answered_afterwards()
    {
        await using var simulator = await GeminiSimulator.StartAsync(Quick with { OutputSpeed = 4 }, Cancel);
        await using var client = await LiveClient.SetUpAsync(simulator.BaseUrl, Manual);
        await client.AskAsync("Count.");
        await client.ExpectAsync("modelTurn");
        await client.SendAsync("""{"realtimeInput":{"activityStart":{}}}""");
        await client.PlayAsync(600, loud: true);
        await client.SendAsync("""{"realtimeInput":{"activityEnd":{}}}""");
        await client.ExpectAsync("turnComplete");
        await client.ExpectAsync("turnComplete");
        Assert.DoesNotContain("interrupted", client.Names);
        Assert.Equal(2, client.Names.Count(name => name == "generationComplete"));
    }

    [Fact]
    public async Task An_open_activity_is_written_down_and_not_answered()
    {
        await using var simulator = await GeminiSimulator.StartAsync(Quick, Cancel);
        await using var client = await LiveClient.SetUpAsync(simulator.BaseUrl, Manual);
        await client.PlayAsync(600, loud: true);
        await client.SendAsync("""{"realtimeInput":{"activityStart":{}}}""");
        await client.PlayAsync(600, loud: true);
        await client.PlayAsync(400, loud: false);
        await client.ExpectAsync("inputTranscription");

        // Were it answered, the answer would come before that to the text.
        await client.AskAsync("note", turnComplete: false);
        await client.SendAsync("""{"realtimeInput":{"activityEnd":{}}}""");
        await client.ExpectAsync("turnComplete");
        Assert.Single(client.Names, name => name == "inputTranscription");
        Assert.Single(client.Names, name => name == "generationComplete");
    }

    [Fact]
    public async Task A_turn_stays_open_until_its_audio_would_have_been_played()
    {
        await using var simulator = await GeminiSimulator.StartAsync(Quick with { AwaitsPlayback = true }, Cancel);
        await using var client = await LiveClient.SetUpAsync(simulator.BaseUrl);
        var since = TimeProvider.System.GetTimestamp();
        await client.AskAsync("Count.");
        await client.ExpectAsync("generationComplete");
        await client.ExpectAsync("turnComplete");
        Assert.InRange(TimeProvider.System.GetElapsedTime(since).TotalMilliseconds, 1_900, 15_000);
    }

    [Fact]
    public async Task The_end_of_a_connection_is_announced_before_it_comes()
    {
        var time = new FakeTimeProvider();
        await using var simulator = await GeminiSimulator.StartAsync(
            Quick with { ConnectionLifetime = TimeSpan.FromMilliseconds(400), GoAwayBefore = TimeSpan.FromMilliseconds(250), TimeProvider = time }, Cancel);
        await using var client = await LiveClient.SetUpAsync(simulator.BaseUrl, ""","sessionResumption":{}""");
        time.Advance(TimeSpan.FromMilliseconds(150));
        Assert.Equal("0.25s", (string)(await client.ExpectAsync("goAway"))["goAway"]!["timeLeft"]!);
        time.Advance(TimeSpan.FromMilliseconds(250));
        Assert.Equal("1011 Deadline expired before operation could complete.", await client.ExpectCloseAsync());
        Assert.Contains(client.Messages, message => (bool?)message["sessionResumptionUpdate"]?["resumable"] == true);
    }

    [Fact]
    public async Task A_function_that_does_not_block_lets_the_turn_end_and_its_result_is_told_in_another()
    {
        await using var simulator = await GeminiSimulator.StartAsync(
            Quick with { Mind = input => input.Turns[^1].Role == MindRole.Tool ? new("It is " + input.Turns[^1].Text) : new("", new("lookup", "{}")) }, Cancel);
        await using var client = await LiveClient.SetUpAsync(simulator.BaseUrl, ""","tools":[{"functionDeclarations":[{"name":"lookup"}]}]""");
        await client.AskAsync("Look it up.");
        var call = (await client.ExpectAsync("toolCall"))["toolCall"]!["functionCalls"]![0]!;
        await client.ExpectAsync("turnComplete");
        await client.SendAsync($$$"""{"toolResponse":{"functionResponses":[{"id":"{{{call["id"]}}}","name":"lookup","response":{"output":"found"} } ] } }""");
        await client.ExpectAsync("turnComplete");
        Assert.Contains("found", string.Concat(client.Messages.Select(message => (string?)message["serverContent"]?["outputTranscription"]?["text"])), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_key_is_tried_by_listing_models()
    {
        await using var simulator = await GeminiSimulator.StartAsync(Quick, Cancel);
        using var http = new HttpClient { BaseAddress = simulator.BaseUrl };
        var models = await http.GetFromJsonAsync<JsonObject>("v1beta/models?key=g-test", Cancel);
        Assert.Contains(models!["models"]!.AsArray(), model => (string)model!["name"]! == "models/gemini-3.8-live");
        Assert.Equal(HttpStatusCode.BadRequest, (await http.GetAsync("v1beta/models?key=wrong", Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync("v1beta/models/gpt?key=g-test", Cancel)).StatusCode);
    }

    /// <summary>Understands the second utterance, and then the first.</summary>
    private sealed class HastyEar : IEar
    {
        private Action<string?>? _first;

        public string? Impediment => null;

        public void Begin()
        {
        }

        public void Feed(ReadOnlySpan<short> pcm8k)
        {
        }

        public void End(Action<string?> heard)
        {
            if (_first is null)
            {
                _first = heard;
                return;
            }

            heard("second");
            _first("first");
        }

        public void Abandon()
        {
        }

        public void Dispose()
        {
        }
    }
}
