using Kraliki.LocalSpeech;

namespace Kraliki.Voice.Tests.LocalSpeech;

public sealed class SmallTalkTests
{
    private readonly List<TalkTurn> _conversation = [];

    [Fact]
    public void Opens_with_the_greeting() =>
        Assert.Equal(SmallTalk.Greeting, SmallTalk.Next([]).Text);

    [Fact]
    public void Caller_changes_a_booking_and_says_goodbye()
    {
        Says("hello i would like to change my booking please", "booking number");
        var found = Says("sure it is four seven one nine", "four, seven, one, nine");
        Assert.Equal("4719", found.BookingNumber);
        Says("could you move it to friday morning please", "moved to Friday morning");
        var bye = Says("no that is all thank you", "Goodbye");
        Assert.Equal(TalkWish.EndCall, bye.Wish);
    }

    [Fact]
    public void Caller_cancels_only_after_confirming()
    {
        Says("i have to cancel my trip to rome", "digit by digit");
        Says("eight three one five", "Shall I cancel it?");
        Says("yes please", "is cancelled");
    }

    [Fact]
    public void Caller_changes_the_mind_and_the_booking_stays()
    {
        Says("cancel my booking", "booking number");
        Says("one two three four", "Shall I cancel it?");
        Says("no", "stays as it is");
    }

    [Fact]
    public void Caller_books_a_trip()
    {
        Says("i would like to book a trip", "Which city");
        Says("to lisbon on the tenth of may", "Lisbon on the tenth of May");
        Says("yes i would", "is booked");
    }

    [Theory]
    [InlineData("what time do you close today", "open from Monday")]
    [InlineData("are you open on saturday", "open from Monday")]
    [InlineData("what are your opening ours", "open from Monday")]
    [InlineData("where is your office", "River Street")]
    [InlineData("how much does a weekend in vienna cost for two people", "Vienna costs")]
    [InlineData("is there anything cheaper", "costs")]
    [InlineData("please tell me more about the trip to barcelona", "Our trip to Barcelona")]
    [InlineData("how can i pay", "by card")]
    [InlineData("how much luggage can i take", "suitcase")]
    [InlineData("i need to reschedule my reservation", "booking number")]
    [InlineData("wait i have another question", "What would you like to know")]
    [InlineData("stop please", "listening")]
    [InlineData("thank you very much", "welcome")]
    public void Questions_find_their_answer(string heard, string answered) => Says(heard, answered);

    [Fact]
    public void Caller_asks_for_a_person()
    {
        Assert.Equal(TalkWish.Human, Says("can i please talk to a real person", "colleague").Wish);
    }

    [Fact]
    public void Two_misheard_words_do_not_lose_the_intent()
    {
        // What the recogniser made of "I would like to change the date of my booking".
        Says("i would like to change the dead of my bucking", "booking number");
    }

    [Fact]
    public void Keypad_digits_are_the_callers_answer()
    {
        Says("i need to change my booking please", "booking number");
        _conversation.Add(new(TalkRole.Operator, "The caller pressed 4 7 1 9 # on the telephone keypad."));
        Assert.Equal("4719", SmallTalk.Next(_conversation).BookingNumber);
    }

    [Fact]
    public void Half_a_number_is_asked_for_again()
    {
        Says("change my booking", "booking number");
        Says("four seven", "only a part");
        Says("four seven one nine", "I found booking");
    }

    [Fact]
    public void Misheard_digits_count_among_digits_only()
    {
        Says("i want to change my booking", "booking number");
        Says("it is nine to for ate", "nine, two, four, eight");
    }

    [Fact]
    public void Repeats_what_the_caller_heard_of_the_last_answer()
    {
        Says("when are you open", "open from Monday");
        _conversation[^1] = new(TalkRole.Assistant, "We are open from Monday");
        Assert.Equal("We are open from Monday", Says("sorry could you repeat that", "Monday").Text);
    }

    [Fact]
    public void Asks_back_politely_and_then_offers_a_person()
    {
        Says("purple elephants dance", "did not quite understand");
        Says("seventeen violins", "once more");
        Says("green water lilies", "connect you with a colleague");
        Assert.Equal(TalkWish.Human, Says("yes", "One moment").Wish);
    }

    [Fact]
    public void Operator_has_words_said_literally()
    {
        _conversation.Add(new(TalkRole.Operator, "Say: The office moves tomorrow."));
        Assert.Equal("The office moves tomorrow.", SmallTalk.Next(_conversation).Text);
    }

    [Fact]
    public void Operator_gives_a_note_that_is_used()
    {
        _conversation.Add(new(TalkRole.Operator, "there is ten percent off today"));
        Assert.Contains("ten percent off today", SmallTalk.Next(_conversation).Text, StringComparison.Ordinal);
        Says("violet umbrellas", "ten percent off today");
    }

    [Fact]
    public void Nearly_every_domain_sentence_is_understood_as_something()
    {
        string[] unknown = [.. DomainSentences.All.Where(sentence =>
            SmallTalk.Next([new(TalkRole.Caller, sentence)]).Text.Contains("did not quite", StringComparison.Ordinal)).Distinct()];
        Assert.True(unknown.Length <= 20, $"{unknown.Length} not understood: {string.Join(" / ", unknown)}");
    }

    private TalkReply Says(string heard, string answered)
    {
        _conversation.Add(new(TalkRole.Caller, heard));
        var reply = SmallTalk.Next(_conversation);
        Assert.Contains(answered, reply.Text, StringComparison.Ordinal);
        _conversation.Add(new(TalkRole.Assistant, reply.Text));
        return reply;
    }
}
