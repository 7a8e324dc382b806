using Kraliki.Contracts;
using Kraliki.OperatorConsole.Calls;

namespace Kraliki.Browser.Tests.Calls;

public sealed class ProviderStoryTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 9, 0, 0, TimeSpan.Zero);
    private readonly CallStory _story = new();
    private long _seq;

    private ProviderStory Provider => _story.Provider;

    [Fact]
    public void The_first_provider_that_connects_has_the_call_and_one_made_ready_beside_it_has_not()
    {
        Open("openai");
        Assert.Equal(("openai", ProviderPhase.Connecting), (Provider.Current, Provider.Phase));

        Happens(new ProviderConnected("openai", "gpt-realtime", "p1", 320));
        Happens(new ProviderConnected("gemini", "gemini-live", "p2", 180));

        Assert.Equal(("openai", "gpt-realtime", ProviderPhase.Talking), (Provider.Current, Provider.Model, Provider.Phase));
        Assert.Equal("openai", _story.Session!.Provider);
        Assert.Equal("OpenAI took the call · 0.3 s to connect", Sentences()[^1]);
    }

    [Fact]
    public void A_provider_that_was_asked_for_has_the_call_and_the_sentence_says_what_it_was_told()
    {
        Open("openai");
        Happens(new ProviderConnected("openai", null, "p1", 20));
        Happens(new ProviderConnected("gemini", null, "p2", 180));
        Happens(new ProviderSwitched("openai", "gemini", SwitchCause.Requested, "Chosen at the live desk.", "eva@demo.example", 900, 0, 12, 2));

        Assert.Equal(("gemini", false), (Provider.Current, Provider.StandsIn));
        Assert.Equal("gemini", _story.Session!.Provider);
        Assert.IsType<ProviderSwitched>(Provider.News?.Data);
        Assert.Equal("Switched from OpenAI to Gemini by eva@demo.example after 900 ms · 12 turns and 2 tool results carried over", Sentences()[^1]);
    }

    [Fact]
    public void A_failed_provider_is_missed_until_another_one_continues()
    {
        Open("openai");
        Happens(new ProviderConnected("openai", null, "p1", 20));
        Happens(new ProviderFailed("openai", ProviderFailure.Stalled, "openai said nothing for 8 seconds."), 5);
        Assert.Equal((ProviderPhase.Failing, Start.AddSeconds(5)), (Provider.Phase, Provider.FailingSince));

        Happens(new ProviderConnected("deepgram", null, "p2", 90), 5);
        Assert.Equal(("openai", ProviderPhase.Failing), (Provider.Current, Provider.Phase));
        Happens(new ProviderSwitched("openai", "deepgram", SwitchCause.Failover, "openai said nothing for 8 seconds.", "server", 412, 1400, 1, 0), 6);

        Assert.Equal(("deepgram", ProviderPhase.Talking, true), (Provider.Current, Provider.Phase, Provider.StandsIn));
        Assert.Equal((1, 0), (Provider.FailuresOf("openai"), Provider.FailuresOf("deepgram")));
        Assert.Equal(["OpenAI stopped answering", "Continued on Deepgram after 412 ms · heard 1.4 s of the caller again · 1 turn carried over"], Sentences()[^2..]);
    }

    [Fact]
    public void A_switch_that_fails_leaves_the_call_where_it_was()
    {
        Open("openai");
        Happens(new ProviderConnected("openai", null, "p1", 20));
        Happens(new ProviderFailed("gemini", ProviderFailure.Unauthorized, "The key was refused."));
        Happens(new ProviderSwitchFailed("openai", "gemini", "The key was refused."));

        Assert.Equal(("openai", ProviderPhase.Talking), (Provider.Current, Provider.Phase));
        Assert.IsType<ProviderSwitchFailed>(Provider.News?.Data);
        Assert.Equal(["Gemini did not accept our key", "Gemini did not take over; the call stays with OpenAI"], Sentences()[^2..]);
    }

    [Fact]
    public void A_renewal_that_fails_is_no_failure_of_the_connection_that_goes_on()
    {
        Open("openai");
        Happens(new ProviderConnected("openai", null, "p1", 20));
        Happens(new ProviderFailed("openai", ProviderFailure.ConnectTimeout, "openai did not answer within 10 seconds.", HadCall: false));
        Assert.Equal((ProviderPhase.Talking, null), (Provider.Phase, Provider.FailingSince));
        Happens(new ProviderSwitchFailed("openai", "openai", "openai did not answer within 10 seconds."));

        Assert.Equal((ProviderPhase.Talking, null), (Provider.Phase, Provider.FailingSince));
        Assert.Null(Provider.News);
        Assert.Equal("The connection to OpenAI could not be renewed; the call goes on with the old one", Sentences()[^1]);
    }

    [Fact]
    public void A_first_connection_that_does_not_come_about_is_missed()
    {
        Open("openai");
        Happens(new ProviderFailed("openai", ProviderFailure.Refused, "openai refused the connection."));

        Assert.Equal(ProviderPhase.Failing, Provider.Phase);
    }

    [Fact]
    public void What_is_read_up_on_is_no_news()
    {
        _story.Apply(Session("openai") with { LastSeq = 4 });
        Happens(new SessionCreated("openai", VoiceStrategy.Realtime, "twilio", null, new Dictionary<string, string>()));
        Happens(new ProviderConnected("openai", null, "p1", 20));
        Happens(new ProviderConnected("gemini", null, "p2", 20));
        Happens(new ProviderSwitched("openai", "gemini", SwitchCause.Requested, "", "eva@demo.example", 900, 0, 0, 0));

        Assert.Null(Provider.News);
        Assert.Equal("gemini", Provider.Current);
        Assert.Equal(3, Provider.Changes.Count);
    }

    [Fact]
    public void Answers_are_timed_from_the_callers_last_word_and_belong_to_who_gave_them()
    {
        Open("openai");
        Happens(new ProviderConnected("openai", null, "p1", 20));
        Happens(new TurnFinished("a0", LegRole.Ai, "Good morning.", 0, 900));
        Assert.Null(Provider.LastAnswerMs);

        Ask(1_000, 2_000, answered: 2_600);
        Ask(4_000, 5_000, answered: 5_400);
        Ask(7_000, 8_000, answered: 9_100);
        Assert.Equal((1_100, 600), (Provider.LastAnswerMs, Provider.TypicalAnswerMs));

        Happens(new ProviderSwitched("openai", "gemini", SwitchCause.Requested, "", "eva@demo.example", 900, 0, 6, 0));
        Assert.Null(Provider.LastAnswerMs);
    }

    [Fact]
    public void A_murmur_over_an_answer_waits_for_none()
    {
        Open("openai");
        Happens(new ProviderConnected("openai", null, "p1", 20));
        Happens(new TurnFinished("c1", LegRole.Caller, "Uh-huh.", 1_000, 1_400));
        Happens(new TurnFinished("a1", LegRole.Ai, "A long explanation.", 0, 9_000));
        Happens(new TurnFinished("a2", LegRole.Ai, "And one more thing.", 20_000, 21_000));

        Assert.Null(Provider.LastAnswerMs);
    }

    [Fact]
    public void After_a_lost_line_somebody_takes_the_call_anew()
    {
        Open("openai");
        Happens(new ProviderConnected("openai", null, "p1", 20));
        Happens(new CallInterrupted(EndReason.TalkServerLost, "Gone."));
        Assert.Equal(ProviderPhase.Connecting, Provider.Phase);
        Happens(new CallResumed("Back.", 2300));
        Happens(new ProviderConnected("local", null, "p2", 20));

        Assert.Equal(("local", ProviderPhase.Talking), (Provider.Current, Provider.Phase));
        Assert.Equal("Local assistant took the call", Sentences()[^1]);
    }

    [Fact]
    public void A_changed_policy_is_a_new_version_of_the_session()
    {
        Open("openai");
        var before = _story.Session!.Version;
        Happens(new FailoverPolicyChanged(new FailoverPolicy(true, ["gemini", "local"], 4), "eva@demo.example"));
        Happens(new FailoverPolicyChanged(new FailoverPolicy(false, [], 4), "eva@demo.example"));

        Assert.Equal(before + 2, _story.Session.Version);
        Assert.Equal(
            ["eva@demo.example changed who takes over: Gemini, then Local assistant, after 4 s of silence", "eva@demo.example changed who takes over: nobody"],
            Sentences()[^2..]);
    }

    [Fact]
    public void A_promised_call_back_is_told()
    {
        Open("openai");
        Happens(new CallbackRequested("call-1", "tomorrow at ten", "About the invoice."));

        Assert.Equal("The assistant promised a call back: tomorrow at ten · About the invoice.", Sentences()[^1]);
    }

    private void Open(string provider)
    {
        _story.Apply(Session(provider));
        Happens(new SessionCreated(provider, VoiceStrategy.Realtime, "twilio", null, new Dictionary<string, string>()));
        Happens(new CarrierConnected("twilio", "CA1", "MZ1"));
    }

    private void Ask(long start, long end, long answered)
    {
        Happens(new TurnFinished($"c{start}", LegRole.Caller, "A question.", start, end));
        Happens(new TurnFinished($"a{start}", LegRole.Ai, "An answer.", answered, answered + 500));
    }

    private List<string> Sentences() => [.. _story.Entries.OfType<MomentEntry>().Select(moment => moment.Sentence)];

    private void Happens(SessionFact fact, int second = 0) => Assert.True(_story.Apply(new SessionEvent(++_seq, Start.AddSeconds(second), fact)));

    private static SessionView Session(string provider) => new(
        Guid.Empty, SessionState.Active, provider, VoiceStrategy.Realtime, "twilio", null, new Dictionary<string, string>(), Start, Start, null, null, null, null, 0, "ws://127.0.0.1/", 1);
}
