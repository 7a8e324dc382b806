using Kraliki.Contracts;
using Kraliki.LocalSpeech;
using Kraliki.Simulators.Faults;
using Kraliki.Simulators.OpenAI;
using Kraliki.Voice.Providers;
using Kraliki.Voice.Providers.OpenAI;
using Kraliki.Voice.Tests.LocalSpeech;

namespace Kraliki.Voice.Tests.Providers.OpenAI;

/// <summary>The provider against the simulated service over a real socket: what is said is spoken, what is heard is recognised.</summary>
public sealed class OpenAiProviderTests : IAsyncLifetime
{
    private readonly ProviderRecorder _events = new();
    private OpenAiSimulator _simulator = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _simulator = await OpenAiSimulator.StartAsync(
        new OpenAiSimulatorOptions { Keys = ["sk-test"], Recognizers = SharedEar.Recognizers, ThinkTime = TimeSpan.Zero, OutputSpeed = 50 }, Cancel);

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
        Assert.True(_events.Usage[0] is { Model: "gpt-realtime-2.1", TextInTokens: > 0, AudioInTokens: > 10, AudioOutTokens: > 100, AudioInSeconds: > 2 }, _events.Usage[0].ToString());
        Assert.True(_events.Usage[1] is { Model: "gpt-transcribe", AudioInSeconds: > 1, AudioInTokens: 0 }, _events.Usage[1].ToString());
    }

    [Fact]
    public async Task Caller_interrupts_and_the_model_forgets_unheard_words()
    {
        var connection = await Connect();
        connection.Instruct("Say: One two three four five six seven eight nine ten eleven twelve.");
        var answer = await _events.Answer();
        connection.Truncate(answer.TurnId, answer.Ms / 2);

        await connection.Say("Could you repeat that, please?");
        var again = await _events.Answer();
        Assert.StartsWith("One two three", again.Text, StringComparison.Ordinal);
        Assert.EndsWith("six", again.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Held_answer_follows_once_it_was_an_interruption()
    {
        var connection = await Connect();
        connection.HoldAnswers();
        await connection.Say("Where is your office?");
        await _events.Await("final");
        connection.ResumeAnswers(answerNow: true);
        Assert.Contains("River Street", (await _events.Answer()).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Backchannel_is_forgotten_and_not_answered()
    {
        var connection = await Connect();
        connection.HoldAnswers();
        await connection.Say("Okay.");
        await _events.Await("final");
        connection.ResumeAnswers(answerNow: false);

        // An answer to the "okay" would come before the one to the instruction.
        connection.Instruct("Say: The last word.");
        Assert.Equal("The last word.", (await _events.Answer()).Text);
    }

    [Fact]
    public async Task Goodbye_asks_to_end_the_call()
    {
        var connection = await Connect();
        await connection.Say("Thank you very much, goodbye.");
        Assert.Contains("Goodbye", (await _events.Answer()).Text, StringComparison.Ordinal);
        await _events.Await("tool end_call");
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
    [InlineData(FaultKind.Expire, null, "closed Expired")]
    [InlineData(FaultKind.Drop, null, "closed Lost")]
    [InlineData(FaultKind.Close, "1011", "closed Lost")]
    [InlineData(FaultKind.Garbage, null, "notice invalid_json")]
    [InlineData(FaultKind.ErrorEvent, "server_error", "notice server_error")]
    public async Task Each_fault_in_the_middle_of_an_answer_is_reported_as_what_it_is(FaultKind kind, string? code, string reported)
    {
        _simulator.Faults.Arm(new Fault(kind, new FaultMoment(On: "response.output_audio.delta"), code, "fault"));
        var connection = await Connect();
        connection.Greet();
        await _events.Await(reported);
    }

    [Fact]
    public async Task Wrong_key_is_named_as_the_cause()
    {
        _ = Provider("sk-wrong").Connect(new(Guid.CreateVersion7(), "", ConversationContext.Empty, CallTool.All), _events);
        Assert.Contains("API key", await _events.Await("closed Unauthorized"), StringComparison.Ordinal);
    }

    private async Task<IProviderConnection> Connect(params TurnFinished[] history)
    {
        var connection = Provider("sk-test").Connect(new(Guid.CreateVersion7(), "You are the demo assistant.", new ConversationContext(history), CallTool.All), _events);
        await _events.Await("connected");
        return connection;
    }

    private OpenAiProvider Provider(string key) => new(new OpenAiOptions { ApiKey = key, BaseUrl = _simulator.BaseUrl }, TimeProvider.System);
}
