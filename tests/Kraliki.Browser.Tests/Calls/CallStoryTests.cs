using Kraliki.Contracts;
using Kraliki.OperatorConsole.Calls;

namespace Kraliki.Browser.Tests.Calls;

public sealed class CallStoryTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 9, 0, 0, TimeSpan.Zero);
    private readonly CallStory _story = new();
    private long _seq;

    [Fact]
    public void A_turn_keeps_its_place_from_the_first_partial_to_the_end()
    {
        _story.Apply(new PartialTranscript("a", LegRole.Ai, "We are", 100));
        _story.Apply(new PartialTranscript("c", LegRole.Caller, "Wait", 900));
        _story.Apply(new PartialTranscript("a", LegRole.Ai, "We are open", 100));
        Happens(new TurnFinished("c", LegRole.Caller, "Wait a moment.", 900, 1500));
        Happens(new TurnFinished("a", LegRole.Ai, "We are open", 100, 900, Interrupted: true, HeardMs: 800));

        Assert.Collection(
            _story.Entries.OfType<SpokenEntry>(),
            ai => Assert.Equal(("We are open", true, true, 800), (ai.Text, ai.Final, ai.Interrupted, ai.HeardMs)),
            caller => Assert.Equal(("Wait a moment.", true, false), (caller.Text, caller.Final, caller.Interrupted)));
    }

    [Fact]
    public void A_turn_of_which_nothing_came_goes_and_a_finished_one_stays()
    {
        _story.Apply(new PartialTranscript("a", LegRole.Ai, "We are", 100));
        Happens(new TurnFinished("b", LegRole.Ai, "We are open.", 200, 900));
        _story.Apply(new PartialTranscript("a", LegRole.Ai, "", 100));
        _story.Apply(new PartialTranscript("b", LegRole.Ai, "", 200));

        Assert.Equal("We are open.", Assert.Single(_story.Entries.OfType<SpokenEntry>()).Text);
    }

    [Fact]
    public void The_version_and_the_microphone_follow_the_journal()
    {
        _story.Apply(new SessionView(Guid.NewGuid(), SessionState.Active, "local", VoiceStrategy.Realtime, "twilio", null, new Dictionary<string, string>(), Start, Start, Start, null, null, null, 0, "ws://x", 3));
        Happens(new MicrophoneTaken("eva@demo.example", "tab-1", null));
        Assert.Equal((4, "tab-1"), (_story.Session!.Version, _story.Session.Microphone?.ClientId));
        Happens(new MicrophoneTaken("jan@demo.example", "tab-2", new("eva@demo.example", "tab-1")));
        Happens(new SessionUpdated("+420601000111", null));
        Happens(new TurnFinished("a", LegRole.Ai, "Good morning.", 0, 900));
        Assert.Equal((6, "jan@demo.example"), (_story.Session.Version, _story.Session.Microphone?.User));
        Happens(new MicrophoneReleased("jan@demo.example", "tab-2", "server"));
        Assert.Null(_story.Session.Microphone);
        Happens(new MicrophoneTaken("eva@demo.example", "tab-1", null));
        Happens(new StateChanged(SessionState.Active, SessionState.WrapUp, "eva@demo.example", EndReason.OperatorEnded));
        Assert.Equal((9, null), (_story.Session.Version, _story.Session.Microphone));
        Assert.Equal(
            ["eva@demo.example took the microphone", "jan@demo.example took the microphone over from eva@demo.example", "jan@demo.example was gone; the microphone is free"],
            _story.Entries.OfType<MomentEntry>().Select(moment => moment.Sentence).Take(3));
    }

    [Fact]
    public void A_partial_that_comes_late_does_not_unfinish_its_turn()
    {
        Happens(new TurnFinished("a", LegRole.Ai, "Good morning.", 0, 900));
        _story.Apply(new PartialTranscript("a", LegRole.Ai, "Good", 0));

        Assert.Equal("Good morning.", Assert.IsType<SpokenEntry>(Assert.Single(_story.Entries)).Text);
    }

    [Fact]
    public void Keys_pressed_one_after_another_are_one_row()
    {
        foreach (var digit in (string[])["4", "7", "#"])
        {
            Happens(new DtmfReceived(digit, 500));
        }

        Happens(new TurnFinished("a", LegRole.Ai, "Thank you.", 600, 900));
        Happens(new DtmfReceived("1", 1000));

        Assert.Equal(["The caller pressed 4 7 #", "The caller pressed 1"], _story.Entries.OfType<MomentEntry>().Select(moment => moment.Sentence));
    }

    [Fact]
    public void What_was_found_out_about_a_turn_stands_beside_its_words()
    {
        Happens(new TurnFinished("c", LegRole.Caller, "I am furious.", 0, 900));
        Happens(new SentimentMeasured("c", -0.5, Mood.Negative, "local"));
        Happens(new IntentDetected("c", "cancellation", 0.8, "local"));
        Happens(new SentimentMeasured("unknown", -0.5, Mood.Negative, "local"));

        var turn = Assert.IsType<SpokenEntry>(Assert.Single(_story.Entries));
        Assert.Equal(("I am furious.", Mood.Negative, "cancellation"), (turn.Text, turn.Mood, turn.Intent));
    }

    [Fact]
    public void A_suggestion_is_open_until_somebody_has_decided()
    {
        Happens(new SuggestionMade("s1", SuggestionCategory.Reply, "Say sorry.", "Unhappy.", "local", "c"));
        Happens(new SuggestionMade("s2", SuggestionCategory.NextBestAction, "Take over.", "Wanted.", "local", "c"));
        Happens(new SuggestionDecided("s1", SuggestionDecision.Dismissed, null, "a@b.example"));

        Assert.Equal("s2", Assert.Single(_story.Suggestions).SuggestionId);
        Assert.Empty(_story.Entries);
    }

    [Fact]
    public void A_replay_changes_nothing()
    {
        var turn = Happens(new TurnFinished("a", LegRole.Ai, "Good morning.", 0, 900));

        Assert.False(_story.Apply(turn));
        Assert.Single(_story.Entries);
        Assert.Single(_story.Events);
    }

    [Fact]
    public void Words_that_are_not_saved_stand_in_their_place_and_become_the_saved_ones()
    {
        _story.Apply(new PartialTranscript("a", LegRole.Ai, "We are", 100));
        _story.Apply(new PartialTranscript("c", LegRole.Caller, "Wait", 900));
        var ai = new TurnFinished("a", LegRole.Ai, "We are open.", 100, 900);
        _story.Apply(new Unsaved([ai], 3, Start, "the database does not answer"));
        _story.Apply(new PartialTranscript("a", LegRole.Ai, "We", 100));

        Assert.Equal(3, _story.Unsaved?.Count);
        Assert.Equal([("We are open.", true, false), ("Wait", false, true)], _story.Entries.Cast<SpokenEntry>().Select(spoken => (spoken.Text, spoken.Final, spoken.Saved)));

        Happens(ai);
        _story.Apply(new Unsaved([ai], 1, Start, "the database does not answer"));
        Assert.Equal([("We are open.", true, true), ("Wait", false, true)], _story.Entries.Cast<SpokenEntry>().Select(spoken => (spoken.Text, spoken.Final, spoken.Saved)));
        _story.Apply(new Unsaved([], 0, null, null));
        Assert.Null(_story.Unsaved);
        Assert.Equal(2, _story.Entries.Count);
    }

    [Fact]
    public void What_is_saved_late_stands_where_it_happened()
    {
        _story.Apply(new PartialTranscript("c2", LegRole.Caller, "For the", 3000));
        _story.Apply(new Unsaved([new TurnFinished("c1", LegRole.Caller, "Hello.", 100, 900), new TurnFinished("a1", LegRole.Ai, "Which day?", 1000, 1900)], 3, Start, "slow"));
        Happens(new TurnFinished("c1", LegRole.Caller, "Hello.", 100, 900));
        Happens(new DtmfReceived("1", 950));

        Assert.Equal(
            ["Hello.", "The caller pressed 1", "Which day?", "For the"],
            _story.Entries.Select(entry => entry is SpokenEntry spoken ? spoken.Text : ((MomentEntry)entry).Sentence));
    }

    [Fact]
    public void Words_that_will_never_be_saved_go_when_the_server_says_that_nothing_waits()
    {
        _story.Apply(new Unsaved([new TurnFinished("a", LegRole.Ai, "Lost.", 100, 900)], 1, Start, "the disk is full"));
        _story.Apply(new Unsaved([], 0, null, null));

        Assert.Empty(_story.Entries);
    }

    [Fact]
    public void A_lost_line_is_known_until_the_caller_is_back_or_the_call_is_over()
    {
        _story.Apply(Session(SessionState.Active));
        Happens(new CallInterrupted(EndReason.TalkServerLost, "Gone."), 5);
        Assert.Equal(Start.AddSeconds(5), _story.InterruptedSince);
        Happens(new CallResumed("Back.", 2300), 7);
        Assert.Null(_story.InterruptedSince);
        Assert.Contains(_story.Entries, entry => entry is MomentEntry { Sentence: "The caller is back after 2.3 s" });

        Happens(new CallInterrupted(EndReason.TalkCarrierLost, "Gone again."), 8);
        Happens(new StateChanged(SessionState.Active, SessionState.Failed, "server", EndReason.TalkCarrierLost, "Not back."), 28);
        Assert.Null(_story.InterruptedSince);
    }

    [Fact]
    public void Words_and_levels_of_a_lost_line_are_not_shown_for_ever()
    {
        _story.Apply(Session(SessionState.Active));
        _story.Apply(new PartialTranscript("c", LegRole.Caller, "I would", 400));
        _story.Apply(new CallMeters(0.5, 0, 900, AiSpeaking: false, CallerSpeaking: true));

        Happens(new CallInterrupted(EndReason.TalkServerLost, "Gone."), 5);
        Assert.Null(_story.Meters);
        Assert.Contains(_story.Entries, entry => entry is SpokenEntry { Final: false });

        Happens(new CallResumed("Back.", 2300), 7);
        Assert.DoesNotContain(_story.Entries, entry => entry is SpokenEntry);
    }

    [Fact]
    public void A_call_that_is_moved_keeps_the_place_of_words_that_go_on()
    {
        _story.Apply(new PartialTranscript("c", LegRole.Caller, "I would", 400));
        Happens(new CallResumed("Moved.", 0), 7);
        Assert.Equal("I would", Assert.IsType<SpokenEntry>(_story.Entries[0]).Text);
    }

    [Fact]
    public void Moments_and_turns_count_from_the_first_opening_of_the_line()
    {
        _story.Apply(Session(SessionState.Connecting));
        Happens(new CarrierConnected("twilio", "CA1", "MZ1"), 1);
        Happens(new StateChanged(SessionState.Connecting, SessionState.Active, "call"), 4);
        Happens(new TurnFinished("c", LegRole.Caller, "I would", 6_000, 7_000), 8);
        Happens(new CallInterrupted(EndReason.TalkServerLost, "Gone."), 9);
        Happens(new CallResumed("Back.", 2000), 11);
        Happens(new CarrierConnected("twilio", "CA1", "MZ2"), 12);
        Happens(new OperatorText("Go on.", "eva@demo.example"), 13);

        Assert.Equal([0, 6_000, 8_000, 10_000, 11_000, 12_000], _story.Entries.Select(entry => entry.AtMs!.Value));
    }

    [Fact]
    public void The_session_follows_its_events_and_words_left_open_go_at_the_end()
    {
        _story.Apply(Session(SessionState.Connecting));
        Happens(new StateChanged(SessionState.Connecting, SessionState.Active, "call"), 1);
        _story.Apply(new PartialTranscript("c", LegRole.Caller, "I would", 400));
        Happens(new StateChanged(SessionState.Active, SessionState.Failed, "call", EndReason.TalkProviderLost, "The socket closed."), 9);

        var session = _story.Session!;
        Assert.Equal((SessionState.Failed, EndReason.TalkProviderLost, "The socket closed."), (session.State, session.EndReason, session.EndDetail));
        Assert.Equal(TimeSpan.FromSeconds(8), session.EndedAt - session.StartedAt);
        Assert.DoesNotContain(_story.Entries, entry => entry is SpokenEntry { Final: false });
        Assert.Contains(_story.Entries, entry => entry is MomentEntry { Tone: MomentTone.Fault });
    }

    [Fact]
    public void A_view_older_than_what_is_known_does_not_take_the_call_back()
    {
        _story.Apply(Session(SessionState.Connecting));
        Happens(new StateChanged(SessionState.Connecting, SessionState.Active, "call"), 1);
        _story.Apply(Session(SessionState.Connecting));

        Assert.Equal(SessionState.Active, _story.Session!.State);
    }

    private SessionEvent Happens(SessionFact fact, int second = 0)
    {
        var entry = new SessionEvent(++_seq, Start.AddSeconds(second), fact);
        Assert.True(_story.Apply(entry));
        return entry;
    }

    private static SessionView Session(SessionState state) => new(
        Guid.Empty, state, "local", VoiceStrategy.Realtime, "twilio", null, new Dictionary<string, string>(), Start, Start, null, null, null, null, 0, "ws://127.0.0.1/");
}
