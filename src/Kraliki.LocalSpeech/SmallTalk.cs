namespace Kraliki.LocalSpeech;

public enum TalkRole
{
    Caller,
    Assistant,

    /// <summary>A typed instruction that the assistant must follow; the caller did not hear it.</summary>
    Operator,
}

/// <param name="Text">For the assistant: as much as the caller heard.</param>
public sealed record TalkTurn(TalkRole Role, string Text);

/// <summary>What the assistant wants besides speaking.</summary>
public enum TalkWish
{
    None,

    /// <summary>The conversation is over once the reply was heard.</summary>
    EndCall,

    /// <summary>A person should take over.</summary>
    Human,
}

/// <param name="BookingNumber">Digits of the booking that the reply is about, when the caller just gave it.</param>
public sealed record TalkReply(string Text, TalkWish Wish = TalkWish.None, string? BookingNumber = null);

/// <summary>
/// The mind of the demo assistant: a deterministic dialogue about bookings of a fictional travel agency. It keeps no state;
/// what it asked for is found again by going through the conversation, so that a conversation may be cut, continued
/// elsewhere or replayed.
/// </summary>
/// <remarks>
/// 1. The caller's turns are read one after the other; each moves the state: what is pending, which booking, how often in a
/// row nothing was understood.
/// 2. A pending question is answered first, when the turn answers it.
/// 3. Otherwise the best intent decides (<see cref="TalkIntents"/>).
/// </remarks>
public static class SmallTalk
{
    public const string Greeting = "Hello, this is Kraliki Travel, you are talking to the virtual assistant. How can I help you?";

    private const string AnythingElse = "Is there anything else I can do for you?";
    private const string LiteralMark = "say:";
    private const string OpeningMark = "begin with:";

    private const string RestMark = "say only the rest of it";

    // How the call loop words keypad input: it is the caller's, not the operator's.
    private const string KeypadMark = "The caller pressed ";

    private enum Pending
    {
        Nothing,
        Number,
        NewDate,
        CancelConfirmed,
        TripDetails,
        BookingConfirmed,
        AnythingElse,
        HumanWanted,
    }

    private enum Goal
    {
        Look,
        Change,
        Cancel,
    }

    private sealed record State(Pending Pending, Goal Goal = Goal.Look, string? Number = null, string? City = null, string? When = null, int Misses = 0, string? Note = null);

    /// <summary>What the assistant says next. A conversation without a turn of the caller or the operator is opened with the greeting.</summary>
    public static TalkReply Next(IReadOnlyList<TalkTurn> conversation)
    {
        var state = new State(Pending.Nothing);
        string lastSaid = Greeting;
        var reply = new TalkReply(Greeting);
        foreach (var turn in conversation)
        {
            switch (turn.Role)
            {
                case TalkRole.Caller when turn.Text.Length > 0:
                    (state, reply) = Answer(state, new(turn.Text), lastSaid);
                    break;
                case TalkRole.Operator when turn.Text.StartsWith(KeypadMark, StringComparison.Ordinal):
                    (state, reply) = Answer(state, new(turn.Text), lastSaid);
                    break;
                case TalkRole.Operator:
                    (state, reply) = Follow(state, turn.Text);
                    break;
                case TalkRole.Assistant when turn.Text.Length > 0:
                    lastSaid = turn.Text;
                    break;
            }
        }

        return conversation is [.., { Role: TalkRole.Assistant }]
            ? new("I am still here. How can I help you?")
            : reply;
    }

    /// <summary>The words that an instruction wants to be spoken literally: what follows "say:". Null when it does not.</summary>
    public static string? Literal(string instruction) => Behind(LiteralMark, instruction);

    /// <summary>The words that an instruction wants in front of the answer: what follows "begin with:". Null when it does not.</summary>
    public static string? Opening(string instruction) => Behind(OpeningMark, instruction);

    /// <summary>An instruction wants the assistant's last turn, which was cut off, to be completed.</summary>
    public static bool Continues(string instruction) => instruction.Contains(RestMark, StringComparison.OrdinalIgnoreCase);

    /// <summary>What is missing of the assistant's last turn, of which the conversation has what was heard.</summary>
    public static TalkReply Rest(IReadOnlyList<TalkTurn> conversation)
    {
        if (conversation is not [.., { Role: TalkRole.Assistant } cut])
        {
            return Next(conversation);
        }

        var whole = Next([.. conversation.SkipLast(1)]);
        string rest = whole.Text.StartsWith(cut.Text, StringComparison.OrdinalIgnoreCase) ? whole.Text[cut.Text.Length..].TrimStart(' ', ',', ';', ':') : whole.Text;
        return whole with { Text = rest.Any(char.IsLetterOrDigit) ? rest : "That is all." };
    }

    private static string? Behind(string mark, string instruction)
    {
        int at = instruction.IndexOf(mark, StringComparison.OrdinalIgnoreCase);
        string words = at < 0 ? "" : instruction[(at + mark.Length)..].Trim();
        return words.Length == 0 ? null : words;
    }

    private static (State, TalkReply) Follow(State state, string instruction) =>
        Literal(instruction) is { } words
            ? (state, new(words))
            : (state with { Note = instruction }, new($"My colleague has just told me: {instruction.TrimEnd('.', '!', ' ')}. {AnythingElse}"));

    private static (State, TalkReply) Answer(State state, TalkHeard heard, string lastSaid) =>
        AnswerPending(state, heard) ?? AnswerIntent(state, heard, lastSaid);

    /// <summary>Null when the turn does not answer what was asked: then it is something new.</summary>
    private static (State, TalkReply)? AnswerPending(State state, TalkHeard heard)
    {
        switch (state.Pending)
        {
            case Pending.Number when heard.Digits.Length >= 3:
                return WithNumber(state, heard.Digits);
            case Pending.Number when heard.Digits.Length > 0:
                return (state, new("I heard only a part of the number. Please say all four digits, one by one."));
            case Pending.Number when heard.Intent is TalkIntent.No:
                return MissingNumber(state);
            case Pending.Number when heard.Intent is TalkIntent.Unknown && state.Misses == 0:
                return (state with { Misses = 1 }, new("Sorry, I need your booking number for that. It has four digits. Please say them one by one."));
            case Pending.NewDate when heard.When is { } day && heard.Intent is not TalkIntent.Cancel:
                return (state with { Pending = Pending.AnythingElse, Misses = 0 },
                    new($"Done. Your trip is moved to {day}, and you will get an e-mail with the new tickets. {AnythingElse}"));
            case Pending.CancelConfirmed when heard.Intent is TalkIntent.Yes or TalkIntent.Cancel:
                return (new(Pending.AnythingElse),
                    new($"Your booking is cancelled. The refund will be on your account within five days. {AnythingElse}"));
            case Pending.CancelConfirmed when heard.Intent is TalkIntent.No:
                return (state with { Pending = Pending.AnythingElse }, new($"All right, your booking stays as it is. {AnythingElse}"));
            case Pending.TripDetails when heard.City is not null || heard.When is not null:
                return Offer(state with { City = heard.City ?? state.City, When = heard.When ?? state.When });
            case Pending.BookingConfirmed when heard.Intent is TalkIntent.Yes or TalkIntent.Book:
                return (new(Pending.AnythingElse),
                    new($"Your trip to {state.City} is booked. Your booking number is four, seven, one, nine. {AnythingElse}"));
            case Pending.BookingConfirmed when heard.City is not null || heard.When is not null:
                return Offer(state with { City = heard.City ?? state.City, When = heard.When ?? state.When });
            case Pending.BookingConfirmed when heard.Intent is TalkIntent.No:
                return (new(Pending.AnythingElse), new($"No problem, I have not booked anything. {AnythingElse}"));
            case Pending.HumanWanted when heard.Intent is TalkIntent.Yes:
                return Human(state);
            case Pending.HumanWanted or Pending.AnythingElse when heard.Intent is TalkIntent.No:
                return Goodbye(state);
            case Pending.AnythingElse when heard.Intent is TalkIntent.Yes:
                return (state with { Pending = Pending.Nothing, Misses = 0 }, new("Gladly. What would you like to know?"));
            default:
                return null;
        }
    }

    private static (State, TalkReply) AnswerIntent(State state, TalkHeard heard, string lastSaid)
    {
        var calm = state with { Misses = 0 };
        return heard.Intent switch
        {
            TalkIntent.Goodbye => Goodbye(state),
            TalkIntent.Human => Human(calm),
            TalkIntent.Repeat => (calm, new(lastSaid)),
            TalkIntent.Wait => (calm, new("Yes, I am listening.")),
            TalkIntent.Hours => Else(calm, "We are open from Monday to Friday from nine in the morning until six in the evening, and on Saturday from nine until noon. On Sunday the office is closed."),
            TalkIntent.Address => Else(calm, "Our office is in River Street, number twelve, just opposite the main station. Tram number five stops in front of the door."),
            TalkIntent.Cancel => AskNumber(calm, Goal.Cancel),
            TalkIntent.Change => AskNumber(calm, Goal.Change),
            TalkIntent.MissingNumber => MissingNumber(calm),
            TalkIntent.Price => (calm with { Pending = Pending.AnythingElse, City = heard.City ?? state.City }, new(PriceOf(heard.City ?? state.City ?? "Vienna"))),
            TalkIntent.Trip => (calm with { Pending = Pending.TripDetails, City = heard.City ?? state.City }, new(TripTo(heard.City ?? state.City ?? "Vienna"))),
            TalkIntent.Book when heard.City is not null || heard.When is not null => Offer(calm with { City = heard.City, When = heard.When }),
            TalkIntent.Book => (calm with { Pending = Pending.TripDetails, City = null, When = null },
                new("With pleasure. Which city would you like to visit, and on which day?")),
            TalkIntent.Pay => Else(calm, "You can pay by card or by bank transfer, up to two weeks before you leave. The invoice comes by e-mail."),
            TalkIntent.Travel => Else(calm, "Each traveller may take one suitcase and one small bag. Inside Europe you need an identity card or a passport, and we can add an insurance at any time."),
            TalkIntent.Thanks => Else(calm, "You are welcome."),
            TalkIntent.Question => (calm, new("Of course. What would you like to know?")),
            TalkIntent.Hello => (calm, new("Hello! How can I help you?")),
            _ when heard.Digits.Length >= 3 => WithNumber(calm, heard.Digits),
            _ when heard.When is not null => Offer(calm with { City = heard.City, When = heard.When }),
            _ when heard.City is { } city => (calm with { Pending = Pending.TripDetails, City = city }, new(TripTo(city))),
            TalkIntent.Yes or TalkIntent.No => Else(calm, "All right."),
            _ => NotUnderstood(state),
        };
    }

    private static (State, TalkReply) Else(State state, string text) =>
        (state with { Pending = Pending.AnythingElse }, new($"{text} {AnythingElse}"));

    private static (State, TalkReply) Goodbye(State state) =>
        (state, new("Thank you for calling Kraliki Travel. Goodbye!", TalkWish.EndCall));

    private static (State, TalkReply) Human(State state) =>
        (state with { Pending = Pending.Nothing }, new("Of course, I will connect you with a colleague. One moment, please.", TalkWish.Human));

    private static (State, TalkReply) AskNumber(State state, Goal goal)
    {
        if (state.Number is { } known)
        {
            return WithNumber(state with { Goal = goal }, known);
        }

        string what = goal == Goal.Cancel ? "cancel" : "change";
        return (state with { Pending = Pending.Number, Goal = goal },
            new($"Certainly, I can {what} your booking. Please tell me your booking number, digit by digit."));
    }

    private static (State, TalkReply) MissingNumber(State state) =>
        (state with { Pending = Pending.HumanWanted },
            new("No problem. You find the number at the top of your confirmation e-mail. Or shall I connect you with a colleague?"));

    private static (State, TalkReply) WithNumber(State state, string digits)
    {
        string city = CityOf(digits);
        string found = $"Thank you. I found booking {Spoken(digits)}, a weekend in {city} for two people.";
        var known = state with { Number = digits, City = city, Misses = 0 };
        return state.Goal switch
        {
            Goal.Change => (known with { Pending = Pending.NewDate }, new($"{found} Which day would suit you better?", BookingNumber: digits)),
            Goal.Cancel => (known with { Pending = Pending.CancelConfirmed },
                new($"{found} You would get the whole price back, less ten euros. Shall I cancel it?", BookingNumber: digits)),
            _ => (known with { Pending = Pending.AnythingElse }, new($"{found} Everything is confirmed. Would you like to change anything?", BookingNumber: digits)),
        };
    }

    private static (State, TalkReply) Offer(State state)
    {
        if (state.City is not { } city)
        {
            return (state with { Pending = Pending.TripDetails }, new("And which city would you like to visit?"));
        }

        string when = state.When is { } day ? $" {TalkHeard.At(day)}" : "";
        return (state with { Pending = Pending.BookingConfirmed, Misses = 0 },
            new($"I have a trip to {city}{when}, with two nights in a hotel near the centre, for {Euros(city)} euros per person. Shall I book it for you?"));
    }

    private static (State, TalkReply) NotUnderstood(State state) => state switch
    {
        { Note: { } note, Misses: 0 } => (state with { Misses = 1 }, new($"I am not sure that I understood. My colleague told me: {note.TrimEnd('.', '!', ' ')}. Does that help?")),
        { Misses: 0 } => (state with { Misses = 1 }, new("I am sorry, I did not quite understand. You can ask me about opening hours, trips and prices, or change a booking.")),
        { Misses: 1 } => (state with { Misses = 2 }, new("Sorry, could you say that once more, in other words?")),
        _ => (state with { Misses = 0, Pending = Pending.HumanWanted }, new("I am afraid I still do not understand. Shall I connect you with a colleague?")),
    };

    // The two long answers: eight to twelve seconds each, so that there is something to interrupt.
    private static string PriceOf(string city) =>
        $"A weekend in {city} costs {Euros(city)} euros per person. The price includes the journey there and back, two nights in a hotel near the centre, and breakfast every day. Children under twelve pay only half. {AnythingElse}";

    private static string TripTo(string city) =>
        $"Our trip to {city} takes three days. We leave on Friday morning and come back on Sunday evening. On Saturday there is a walk through the old town with a guide, and the evening is yours. Breakfast and all tickets are included. On which day would you like to travel?";

    private static string Euros(string city) => (city.Sum(letter => letter) % 4) switch
    {
        0 => "two hundred and forty",
        1 => "two hundred and ninety",
        2 => "three hundred and ten",
        _ => "three hundred and fifty",
    };

    private static string CityOf(string digits) => TalkHeard.Cities[digits.Sum(digit => digit - '0') % TalkHeard.Cities.Count];

    private static string Spoken(string digits) => string.Join(", ", digits.Select(digit => TalkHeard.DigitWords[digit - '0']));
}
