using Kraliki.Contracts;
using Kraliki.LocalSpeech;
using Kraliki.Simulators.Deepgram;
using Kraliki.Simulators.Faults;
using Kraliki.Voice.Providers;
using Kraliki.Voice.Providers.DeepgramAgent;
using Kraliki.Voice.Tests.LocalSpeech;

namespace Kraliki.Voice.Tests.Providers.DeepgramAgent;

/// <summary>The voice agent against the simulated service over a real socket: what is said is spoken, what is heard is recognised.</summary>
public sealed class DeepgramAgentProviderTests : IAsyncLifetime
{
    private static readonly CallTool Lookup = new(
        "lookup_booking", "Finds a booking.", """{"type":"object","properties":{"booking_number":{"type":"string"}},"required":["booking_number"]}""");

    private readonly ProviderRecorder _events = new();
    private DeepgramSimulator _simulator = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _simulator = await DeepgramSimulator.StartAsync(
        new() { Keys = ["dg-test"], Recognizers = SharedEar.Recognizers, ThinkTime = TimeSpan.Zero, OutputSpeed = 50 }, Cancel);

    public ValueTask DisposeAsync() => _simulator.DisposeAsync();

    [Fact]
    public async Task Caller_asks_and_is_answered_by_voice()
    {
        var connection = await Connect();
        connection.Greet();
        Assert.Equal(SmallTalk.Greeting, (await _events.Answer()).Text);

        await connection.Say("Good morning, when does your office open?");
        await _events.Await("started");
        await _events.Await("stopped");
        Assert.Contains("open", await _events.Await("final"), StringComparison.Ordinal);
        var answer = await _events.Answer();
        Assert.StartsWith("We are open from Monday", answer.Text, StringComparison.Ordinal);
        Assert.Equal(answer.Text, answer.Deltas);
        Assert.InRange(answer.Ms, 5_000, 20_000);

        connection.Close();
        await _events.Await("closed Requested");
        var used = Assert.Single(_events.Usage);
        Assert.True(used is { Provider: "deepgram_agent", Model: "gpt-4.1-mini", AudioInSeconds: > 1, AudioOutSeconds: > 1 }, used.ToString());
    }

    [Fact]
    public async Task Held_answer_follows_once_it_was_an_interruption()
    {
        var connection = await Connect();
        connection.HoldAnswers();
        _events.OnFinal = () => connection.ResumeAnswers(answerNow: true);
        await connection.Say("Where is your office?");
        var answer = await _events.Answer();
        Assert.Contains("River Street", answer.Text, StringComparison.Ordinal);
        Assert.True(answer.Ms > 1_000, $"{answer.Ms} ms");
    }

    [Fact]
    public async Task Backchannel_is_not_answered()
    {
        var connection = await Connect();
        connection.HoldAnswers();
        await connection.Say("Okay.");
        await _events.Await("final");
        connection.ResumeAnswers(answerNow: false);
        connection.Instruct("Say: The last word.");

        // The answer to the "okay" may have begun when it was told that there was none.
        var answer = await _events.Answer();
        Assert.Equal("The last word.", answer.Cancelled || answer.Text.Length == 0 ? (await _events.Answer()).Text : answer.Text);
    }

    [Fact]
    public async Task Eight_seconds_told_again_at_once_are_understood_like_speech()
    {
        var connection = await Connect();
        await connection.Hear([.. new short[50_000], .. SpeechSynthesizer.Speak("Where is your office?", VoiceName.Rms), .. new short[12_000]]);
        Assert.Contains("office", await _events.Await("final"), StringComparison.Ordinal);
        Assert.Contains("River Street", (await _events.Answer()).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tool_is_asked_for_and_its_result_answered()
    {
        var connection = Provider().Connect(Setup() with { Tools = [Lookup] }, _events);
        await _events.Await("connected");
        await connection.Say("My booking number is four seven one nine.");
        Assert.Equal("One moment, I am looking it up.", (await _events.Answer()).Text);
        await _events.Await("tool lookup_booking");

        connection.ProvideToolResult(new ToolCalled(_events.ToolCalls[0].CallId, "lookup_booking", "{}", """{"city":"Rome"}"""));
        Assert.Equal("I found this. city: Rome.", (await _events.Answer()).Text);
    }

    [Fact]
    public async Task Continued_call_remembers_what_was_said_before()
    {
        var connection = await Connect(
            new TurnFinished("1", LegRole.Caller, "i would like to change my booking", 0, 1000),
            new TurnFinished("2", LegRole.Ai, "Please tell me your booking number.", 1000, 3000));
        await connection.Say("It is four seven one nine.");
        Assert.Contains("I found booking", (await _events.Answer()).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(FaultKind.Drop, null, "closed Lost")]
    [InlineData(FaultKind.Close, "1011", "closed Error")]
    [InlineData(FaultKind.Expire, null, "closed Expired")]
    [InlineData(FaultKind.ErrorEvent, "FAILED_TO_THINK", "closed Error")]
    [InlineData(FaultKind.Garbage, null, "notice invalid_json")]
    public async Task Each_fault_in_the_middle_of_an_answer_is_reported_as_what_it_is(FaultKind kind, string? code, string reported)
    {
        _simulator.AgentFaults.Arm(new Fault(kind, new FaultMoment(On: "AgentStartedSpeaking"), code, "fault"));
        var connection = await Connect();
        connection.Greet();
        Assert.Contains("voice agent", await _events.Await(reported), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Wrong_key_is_named_as_the_cause()
    {
        _ = Provider("wrong").Connect(Setup(), _events);
        Assert.Contains("API key", await _events.Await("closed Unauthorized"), StringComparison.Ordinal);
    }

    private async Task<IProviderConnection> Connect(params TurnFinished[] history)
    {
        var connection = Provider().Connect(Setup(history), _events);
        await _events.Await("connected");
        return connection;
    }

    private static ProviderSetup Setup(params TurnFinished[] history) =>
        new(Guid.CreateVersion7(), "You are the demo assistant.", new ConversationContext(history), CallTool.All);

    private DeepgramAgentProvider Provider(string key = "dg-test") =>
        new(new DeepgramAgentOptions { ApiKey = key, BaseUrl = _simulator.BaseUrl }, TimeProvider.System);
}
