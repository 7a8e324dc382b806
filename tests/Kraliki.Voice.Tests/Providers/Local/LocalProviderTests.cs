using Kraliki.Contracts;
using Kraliki.LocalSpeech;
using Kraliki.Voice.Calls;
using Kraliki.Voice.Providers;
using Kraliki.Voice.Providers.Local;
using Kraliki.Voice.Tests.LocalSpeech;

namespace Kraliki.Voice.Tests.Providers.Local;

public sealed class LocalProviderTests
{
    private readonly ProviderRecorder _events = new();

    [Fact]
    public async Task Caller_asks_and_is_answered_by_voice()
    {
        var connection = await Connect();
        connection.Greet();
        var greeting = await _events.Answer();
        Assert.Equal(SmallTalk.Greeting, greeting.Text);
        Assert.InRange(greeting.Ms, 3000, 12_000);

        await connection.Say("Good morning, when does your office open?");
        await _events.Await("started c1");
        await _events.Await("stopped c1");
        string heard = await _events.Await("final c1");
        Assert.Contains("open", heard, StringComparison.Ordinal);
        Assert.Contains(_events.Seen, seen => seen.StartsWith("partial c1", StringComparison.Ordinal));
        var answer = await _events.Answer();
        Assert.StartsWith("We are open from Monday", answer.Text, StringComparison.Ordinal);
        Assert.Equal(answer.Text, answer.Deltas);

        connection.Close();
        await _events.Await("closed Requested");
        var used = Assert.Single(_events.Usage);
        Assert.Equal(("local", null), (used.Provider, used.Model));
        Assert.True(used is { AudioInSeconds: > 1, AudioOutSeconds: > 1 }, used.ToString());
    }

    [Fact]
    public async Task Caller_interrupts_and_the_assistant_forgets_unheard_words()
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
        await _events.Await("final c1");
        connection.ResumeAnswers(answerNow: true);
        Assert.Contains("River Street", (await _events.Answer()).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Backchannel_is_forgotten_and_not_answered()
    {
        var connection = await Connect();
        connection.HoldAnswers();
        await connection.Say("Okay.");
        await _events.Await("final c1");
        connection.ResumeAnswers(answerNow: false);

        // An answer to the "okay" would come before the one to the instruction.
        connection.Instruct("Say: The last word.");
        Assert.Equal("The last word.", (await _events.Answer()).Text);
    }

    [Fact]
    public async Task Cough_is_heard_as_no_words()
    {
        var connection = await Connect();
        await connection.Hear(Sounds.Cough(milliseconds: 300));
        await connection.Hear(new short[8000]);
        await _events.Await("started c1");
        Assert.Equal("final c1 ", await _events.Await("final c1"));
    }

    [Fact]
    public async Task Cancelled_answer_is_not_spoken()
    {
        var connection = await Connect();
        connection.Instruct("Say: This was a mistake.");
        connection.CancelAnswer();
        var answer = await _events.Answer();
        Assert.Equal((true, 0), (answer.Cancelled, answer.Ms));
    }

    [Fact]
    public async Task Goodbye_ends_the_call_after_the_last_answer()
    {
        var connection = await Connect();
        await connection.Say("Thank you very much, goodbye.");
        Assert.Contains("Goodbye", (await _events.Answer()).Text, StringComparison.Ordinal);
        await _events.Await("tool end_call");
    }

    [Fact]
    public async Task Without_the_tool_a_goodbye_leaves_the_line_open()
    {
        var connection = await Connect();
        connection.OfferTools([]);
        await connection.Say("Thank you very much, goodbye.");
        Assert.Contains("Goodbye", (await _events.Answer()).Text, StringComparison.Ordinal);
        connection.Instruct("Say: Still here.");
        await _events.Answer();
        Assert.DoesNotContain(_events.Seen, line => line.StartsWith("tool", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(CallLoop.TimeIsOver, "We have reached the end of the time for this call. Goodbye!")]
    [InlineData(CallLoop.NobodyThere, "I cannot hear anybody, so I end the call here. Goodbye!")]
    public async Task Of_a_limit_the_caller_hears_the_goodbye_and_not_the_instruction(string instruction, string heard)
    {
        var connection = await Connect();
        connection.Instruct(instruction);
        Assert.Equal(heard, (await _events.Answer()).Text);
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

    [Fact]
    public async Task Words_that_nobody_has_time_to_listen_to_are_told_to_be_unheard()
    {
        using var pool = new RecognizerPool(capacity: 1);
        var refused = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        List<LiveUtterance> waiting = [];
        while (!refused.Task.IsCompleted && waiting.Count < 100)
        {
            waiting.Add(pool.Begin(null, null, heard => _ = heard.Refused && refused.TrySetResult()));
        }

        await refused.Task.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        var connection = await Connect(pool);
        await connection.Say("Where is your office?");
        await _events.Await("failed overloaded");
        Assert.DoesNotContain(_events.Seen, seen => seen.StartsWith("final", StringComparison.Ordinal));
        connection.Close();
        waiting.ForEach(utterance => utterance.Cancel());
    }

    private Task<IProviderConnection> Connect(params TurnFinished[] history) => Connect(SharedEar.Recognizers, history);

    private async Task<IProviderConnection> Connect(RecognizerPool recognizers, params TurnFinished[] history)
    {
        var connection = new LocalProvider(recognizers).Connect(new(Guid.CreateVersion7(), "You are the demo assistant.", new ConversationContext(history), CallTool.All), _events);
        await _events.Await("connected");
        return connection;
    }
}
