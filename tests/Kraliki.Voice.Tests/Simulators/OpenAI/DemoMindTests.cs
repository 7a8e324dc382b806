using Kraliki.LocalSpeech;
using Kraliki.Simulators.OpenAI;

namespace Kraliki.Voice.Tests.Simulators.OpenAI;

public sealed class DemoMindTests
{
    private static readonly MindTurn Greeted = new(MindRole.Assistant, SmallTalk.Greeting);

    [Fact]
    public void It_opens_with_the_greeting() =>
        Assert.Equal(SmallTalk.Greeting, Think([]).Text);

    [Fact]
    public void It_says_literally_what_instructions_ask_it_to_say()
    {
        Assert.Equal("The line is recorded.", DemoMind.Think(new("Say: The line is recorded.", true, [Greeted], [], null)).Text);
        Assert.Equal("Welcome.", DemoMind.Think(new("You are kind. Say: Welcome.", false, [], [], null)).Text);
        Assert.Contains("nine", DemoMind.Think(new("You are kind. Say: Welcome.", false, [Greeted, new(MindRole.User, "when are you open")], [], null)).Text);
    }

    [Theory]
    [InlineData("Our office is in River", "Street, number twelve, just opposite the main station.")]
    [InlineData("Our office is in River Street, number twelve", "just opposite the main station.")]
    [InlineData("Something else entirely", "Our office is in River Street, number twelve")]
    public void Of_an_answer_that_was_cut_off_it_says_the_rest_when_it_is_told_to(string heard, string rest)
    {
        MindTurn[] turns = [Greeted, new(MindRole.User, "what is your address please"), new(MindRole.Assistant, heard)];

        Assert.StartsWith(rest, DemoMind.Think(new("You are kind. Your last turn was cut off. Say only the rest of it, from where it stops.", true, turns, [], null)).Text);
    }

    [Fact]
    public void A_cough_is_not_answered_as_a_question() =>
        Assert.Equal("I am still here. How can I help you?", Think([Greeted, new(MindRole.User, "")]).Text);

    [Fact]
    public void A_booking_is_looked_up_when_there_is_a_function_for_it()
    {
        MindTurn[] turns = [Greeted, new(MindRole.User, "my booking number is four seven one nine")];

        var call = Think(turns, new MindTool("lookup_booking", ["booking_number"])).Call;

        Assert.Equal(new MindCall("lookup_booking", """{"booking_number":"4719"}"""), call);
        Assert.Null(Think(turns).Call);
    }

    [Theory]
    [InlineData("thank you goodbye", "end_call")]
    [InlineData("can i speak to a human please", "transfer_to_human")]
    public void A_wish_becomes_a_call_beside_the_words(string heard, string function)
    {
        var reply = Think([Greeted, new(MindRole.User, heard)], new MindTool("end_call", []), new MindTool("transfer_to_human", []));

        Assert.Equal(function, reply.Call?.Name);
        Assert.NotEmpty(reply.Text);
    }

    [Theory]
    [InlineData("It is red.", "It is red.")]
    [InlineData("""{"seats_left":2,"city":"Rome","nested":{"x":1}}""", "I found this. seats left: 2. city: Rome.")]
    [InlineData("""{"ok":true}""", "")]
    public void A_result_is_told_as_far_as_it_can_be_said(string result, string said) =>
        Assert.Equal(said, Think([Greeted, new(MindRole.Tool, result)]).Text);

    [Fact]
    public void A_function_that_must_be_called_is_called() =>
        Assert.Equal(
            new MindCall("classify", """{"text":"hello"}"""),
            DemoMind.Think(new("", false, [new(MindRole.User, "hello")], [new("classify", ["text"])], "classify")).Call);

    private static MindReply Think(MindTurn[] turns, params MindTool[] tools) => DemoMind.Think(new("You help travellers.", false, turns, tools, null));
}
