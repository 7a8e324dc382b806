using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Kraliki.Simulators.Chat;
using Kraliki.Simulators.Faults;

namespace Kraliki.Voice.Tests.Simulators.Chat;

public sealed class ChatSimulatorTests : IAsyncLifetime
{
    private ChatSimulator _simulator = null!;
    private HttpClient _http = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _simulator = await ChatSimulator.StartAsync(new() { Keys = ["sk-test"], ThinkTime = TimeSpan.Zero, WordTime = TimeSpan.Zero }, Cancel);
        _http = new HttpClient { BaseAddress = new Uri($"{_simulator.BaseUrl}/") };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "sk-test");
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _simulator.DisposeAsync();
    }

    [Fact]
    public async Task A_question_is_answered_plainly_with_its_usage()
    {
        var answer = await Ask("""{"model":"gpt-4.1-mini","messages":[{"role":"system","content":"You help."},{"role":"user","content":"when are you open"}]}""");
        Assert.Contains("nine", (string)answer["choices"]![0]!["message"]!["content"]!);
        Assert.Equal("stop", (string)answer["choices"]![0]!["finish_reason"]!);
        Assert.Equal((int)answer["usage"]!["prompt_tokens"]! + (int)answer["usage"]!["completion_tokens"]!, (int)answer["usage"]!["total_tokens"]!);
    }

    [Fact]
    public async Task An_answer_is_streamed_word_by_word_and_ends_with_its_usage()
    {
        var chunks = await Stream("""{"model":"gpt-4.1-mini","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"when are you open"}]}""");
        Assert.Equal("[DONE]", chunks[^1]);
        var parsed = chunks[..^1].Select(chunk => JsonNode.Parse(chunk)!).ToList();
        Assert.Contains("nine", string.Concat(parsed[..^1].Select(chunk => (string?)chunk["choices"]![0]!["delta"]!["content"])));
        Assert.Equal("stop", (string)parsed[^2]["choices"]![0]!["finish_reason"]!);
        Assert.Empty(parsed[^1]["choices"]!.AsArray());
        Assert.True((int)parsed[^1]["usage"]!["completion_tokens"]! > 5);
    }

    [Fact]
    public async Task A_tool_is_asked_for_and_its_result_told()
    {
        const string Tools = """[{"type":"function","function":{"name":"lookup_booking","parameters":{"type":"object","required":["booking_number"]}}}]""";
        const string Asked = """{"role":"user","content":"my booking number is four seven one nine"}""";
        var answer = await Ask($$"""{"model":"gpt-4.1-mini","messages":[{{Asked}}],"tools":{{Tools}}}""");
        Assert.Equal("tool_calls", (string)answer["choices"]![0]!["finish_reason"]!);
        var call = answer["choices"]![0]!["message"]!["tool_calls"]![0]!;
        Assert.Equal("""{"booking_number":"4719"}""", (string)call["function"]!["arguments"]!);

        answer = await Ask($$"""
            {"model":"gpt-4.1-mini","tools":{{Tools}},"messages":[{{Asked}},{"role":"assistant","tool_calls":[{{call.ToJsonString()}}]},
             {"role":"tool","tool_call_id":"{{call["id"]}}","content":"{\"city\":\"Rome\"}"}]}
            """);
        Assert.Equal("I found this. city: Rome.", (string)answer["choices"]![0]!["message"]!["content"]!);
    }

    [Theory]
    [InlineData("""{"messages":[{"role":"user","content":"x"}]}""", 400)]
    [InlineData("""{"model":"gpt-4.1-mini","messages":[]}""", 400)]
    [InlineData("""{"model":"gpt-4.1-mini","messages":[{"role":"assistant","tool_calls":[{"id":"c1"}]},{"role":"user","content":"x"}]}""", 400)]
    [InlineData("""{"model":"gpt-4.1-mini","messages":[{"role":"tool","tool_call_id":"c1","content":"x"}]}""", 400)]
    [InlineData("""{"model":"gpt-none","messages":[{"role":"user","content":"x"}]}""", 404)]
    [InlineData("{", 400)]
    public async Task A_wrong_request_is_refused(string body, int status)
    {
        using var refused = await Post(body);
        Assert.Equal(status, (int)refused.StatusCode);
        Assert.NotNull((await refused.Content.ReadFromJsonAsync<JsonObject>(Cancel))!["error"]!["message"]);
    }

    [Fact]
    public async Task A_wrong_key_and_a_rate_limit_are_told_by_their_status()
    {
        _simulator.Faults.Arm(new Fault(FaultKind.Refuse, Code: "429"));
        using var limited = await Post("""{"model":"gpt-4.1-mini","messages":[{"role":"user","content":"x"}]}""");
        Assert.Equal(HttpStatusCode.TooManyRequests, limited.StatusCode);
        Assert.Empty(_simulator.Faults.Waiting);

        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "wrong");
        using var unknown = await _http.GetAsync(new Uri("models", UriKind.Relative), Cancel);
        Assert.Equal(HttpStatusCode.Unauthorized, unknown.StatusCode);
    }

    [Fact]
    public async Task A_stream_that_is_closed_in_the_middle_gives_no_reason_to_finish()
    {
        _simulator.Faults.Arm(new Fault(FaultKind.Close, new FaultMoment(AfterFrames: 3)));
        var chunks = await Stream("""{"model":"gpt-4.1-mini","stream":true,"messages":[{"role":"user","content":"when are you open"}]}""");
        Assert.Equal(3, chunks.Count);
    }

    private async Task<JsonObject> Ask(string body)
    {
        using var response = await Post(body);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return (await response.Content.ReadFromJsonAsync<JsonObject>(Cancel))!;
    }

    private async Task<List<string>> Stream(string body)
    {
        using var response = await Post(body);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        return [.. (await response.Content.ReadAsStringAsync(Cancel)).Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Select(line => line["data: ".Length..])];
    }

    private Task<HttpResponseMessage> Post(string body) =>
        _http.PostAsync(new Uri("chat/completions", UriKind.Relative), new StringContent(body, System.Text.Encoding.UTF8, "application/json"), Cancel);
}
