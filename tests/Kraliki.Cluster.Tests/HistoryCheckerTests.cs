using Kraliki.Chaos;
using Kraliki.Contracts;

namespace Kraliki.Cluster.Tests;

/// <summary>Whether the comparison of histories finds what it is there to find: one flawless history, and flaws put into it.</summary>
public sealed class HistoryCheckerTests
{
    private static readonly Guid Session = Guid.Parse("00000000-0000-7000-8000-000000000001");
    private static readonly Guid Other = Guid.Parse("00000000-0000-7000-8000-000000000003");
    private static readonly DateTimeOffset Start = new(2026, 11, 22, 12, 0, 0, TimeSpan.Zero);
    private static readonly SpokenLine Unheard = new("Call 0, question 2.", Start.AddSeconds(9), Start.AddSeconds(10), OneStream: true);

    [Fact]
    public void A_flawless_history_has_no_findings()
    {
        var comparison = HistoryChecker.Check(Flawless());

        Assert.Empty(comparison.Findings);
        Assert.Equal(2, comparison.LinesCompared);
        Assert.Equal(0, comparison.LinesExcused);
    }

    [Fact]
    public void An_entry_that_is_missing_in_the_journal_is_lost()
    {
        var history = Flawless();

        var found = Found(history with { Journal = [.. history.Journal.Where(entry => entry.Seq != 3)] });

        Assert.Contains(found, finding => finding.Kind == FindingKind.Lost && finding.What.Contains("nothing from seq 3 to 3", StringComparison.Ordinal));
        Assert.Contains(found, finding => finding.Kind == FindingKind.Lost && finding.What.StartsWith("write 1: acknowledged", StringComparison.Ordinal));
        Assert.Contains(found, finding => finding.Kind == FindingKind.Phantom && finding.What == "client: seq 3 is not in the journal");
    }

    [Fact]
    public void An_end_of_the_journal_that_is_missing_is_lost()
    {
        var history = Flawless();

        var found = Found(history with { Journal = [.. history.Journal.SkipLast(1)], Seen = [.. history.Seen.SkipLast(1)] });

        AssertOnly(FindingKind.Lost, "the session counts 6 events, there are 5", found);
    }

    [Fact]
    public void A_turn_that_is_kept_twice_is_duplicated()
    {
        var found = Found(Appended(Flawless(), Turn("t1", "Call 0, question 0.")));

        Assert.Contains(found, finding => finding.Kind == FindingKind.Duplicated && finding.What == "journal: turn t1 2 times");
    }

    [Fact]
    public void A_line_that_was_said_once_and_is_there_as_two_turns_is_duplicated() =>
        AssertOnly(FindingKind.Duplicated, "said once, there twice", Found(Appended(Flawless(), Turn("t3", "Call 0, question 1."))));

    [Fact]
    public void Half_a_line_before_a_cut_and_the_rest_after_it_may_be_two_turns()
    {
        var history = Flawless();
        var call = history.Calls[0];
        var cut = history with { Calls = [call with { Lines = [call.Lines[0], call.Lines[1] with { OneStream = false }] }] };

        Assert.Empty(Found(Appended(cut, Turn("t3", "Call 0, question 1."))));
    }

    [Fact]
    public void A_turn_that_nobody_said_is_a_phantom() =>
        AssertOnly(FindingKind.Phantom, "the caller did not say it", Found(Appended(Flawless(), Turn("t3", "Call 1, question 1."))));

    [Fact]
    public void Turns_in_another_order_than_they_were_said_in_are_reordered()
    {
        var history = Flawless();
        var call = history.Calls[0];

        var found = Found(history with { Calls = [call with { Lines = [call.Lines[1], call.Lines[0]] }] });

        AssertOnly(FindingKind.Reordered, "the caller said it earlier", found);
    }

    [Fact]
    public void A_line_that_no_turn_tells_of_is_lost_whatever_happened_to_other_calls()
    {
        var history = WithUnheardLine(Unheard);
        // The same moment, another call: no excuse for this one.
        var other = history.Calls[0] with { CallSid = "CA2", Session = Other, Strikes = [new(Unheard.Start.AddSeconds(-1), Unheard.End!.Value.AddSeconds(3))] };

        AssertOnly(FindingKind.Lost, "carried whole, not in the journal", Found(history));
        Assert.Contains(Found(history with { Calls = [history.Calls[0], other] }), finding => finding.Session == Session && finding.Kind == FindingKind.Lost);
    }

    [Theory]
    // Seconds from the end of the line to the fault, and from the fault to when the caller heard the agent again.
    [InlineData(-0.5, 2, true)]
    [InlineData(2.5, 2, true)]
    [InlineData(3.5, 2, false)]
    [InlineData(-5, 4.5, true)]
    [InlineData(-5, 3.9, false)]
    public void A_fault_excuses_a_line_of_the_call_that_it_struck_until_the_caller_heard_the_agent_again(double fault, double again, bool excused)
    {
        var history = WithUnheardLine(Unheard);
        var from = Unheard.End!.Value.AddSeconds(fault);
        var comparison = HistoryChecker.Check(history with { Calls = [history.Calls[0] with { Strikes = [new(from, from.AddSeconds(again))] }] });

        Assert.Equal(excused, !comparison.Findings.Any(finding => finding.Kind == FindingKind.Lost));
        Assert.Equal(3, comparison.LinesCompared + comparison.LinesExcused);
        Assert.True(comparison.LinesExcused >= (excused ? 1 : 0));
    }

    [Fact]
    public void A_line_that_no_single_connection_carried_is_excused_and_counted_as_such()
    {
        var comparison = HistoryChecker.Check(WithUnheardLine(Unheard with { OneStream = false }));

        Assert.Empty(comparison.Findings);
        Assert.Equal((2, 1), (comparison.LinesCompared, comparison.LinesExcused));
    }

    [Fact]
    public void A_call_of_which_no_line_could_be_compared_proves_nothing()
    {
        var history = Flawless();
        var call = history.Calls[0];

        AssertOnly(
            FindingKind.Unproven, "none of its 2 lines could be compared",
            Found(history with { Calls = [call with { Strikes = [new(Start.AddSeconds(-1), Start.AddSeconds(20))] }] }));
        AssertOnly(
            FindingKind.Unproven, "none of its 0 lines could be compared",
            Found(history with { Calls = [call with { Lines = [] }], Journal = [.. history.Journal.Select(Wordless)], Seen = [.. history.Journal.Select(Wordless).Select(Copy)] }));

        static JournalEntry Wordless(JournalEntry entry) => entry.Fact is TurnFinished turn ? entry with { Fact = turn with { Text = "" } } : entry;
        static SeenEvent Copy(JournalEntry entry) => new(entry.Session, entry.Seq, SeenEvent.HashOf(entry.Fact));
    }

    [Fact]
    public void A_media_connection_that_broke_without_a_fault_is_found()
    {
        var history = Flawless();
        var call = history.Calls[0] with { Cuts = [Start.AddSeconds(20)] };

        AssertOnly(FindingKind.Cut, "its media connection broke", Found(history with { Calls = [call] }));
        Assert.Empty(Found(history with { Calls = [call with { Strikes = [new(Start.AddSeconds(19), Start.AddSeconds(22))] }] }));
    }

    [Fact]
    public void A_client_that_was_not_told_of_the_end_is_found() =>
        AssertOnly(FindingKind.Ended, "client: was not told that the session is over: nothing for 40 s", Found(Flawless() with { NotTold = [new(Session, "nothing for 40 s")] }));

    [Fact]
    public void A_client_is_told_everything_once_and_in_order()
    {
        var history = Flawless();
        var seen = history.Seen;

        AssertOnly(FindingKind.Lost, "client: seq 4 never came", Found(history with { Seen = [.. seen.Where(copy => copy.Seq != 4)] }));
        AssertOnly(FindingKind.Duplicated, "client: seq 6 came twice", Found(history with { Seen = [.. seen, seen[^1]] }));
        AssertOnly(
            FindingKind.Reordered, "client: seq 5 came after 6", Found(history with { Seen = [.. seen.Take(4), seen[5], seen[4]] }));
        AssertOnly(
            FindingKind.Phantom, "client: seq 2 is something else", Found(history with { Seen = [seen[0], seen[1] with { Hash = "0" }, .. seen.Skip(2)] }));
        AssertOnly(FindingKind.Phantom, "client: seq 7 is not in the journal", Found(history with { Seen = [.. seen, seen[^1] with { Seq = 7 }] }));
    }

    [Fact]
    public void A_socket_that_was_closed_with_its_session_owes_nothing_that_came_later()
    {
        var over = Appended(Flawless(), new StateChanged(SessionState.WrapUp, SessionState.Completed, "server"));
        var later = Appended(over, Turn("t3", ""));

        Assert.Empty(Found(later with { Seen = over.Seen }));
        AssertOnly(FindingKind.Lost, "client: seq 7 never came", Found(over with { Seen = [.. over.Seen.SkipLast(1)] }));
    }

    [Fact]
    public void Acknowledged_writes_are_kept_once_and_in_order()
    {
        var history = Flawless();
        Write Asked(string marker, bool acknowledged = true) => new(Session, marker, acknowledged);

        AssertOnly(FindingKind.Lost, "write 3: acknowledged", Found(history with { Writes = [.. history.Writes, Asked("3")] }));
        Assert.Empty(Found(history with { Writes = [.. history.Writes, Asked("3", acknowledged: false)] }));
        AssertOnly(FindingKind.Reordered, "write 1: acknowledged after", Found(history with { Writes = [Asked("2"), Asked("1")] }));
        AssertOnly(FindingKind.Phantom, "write 2: nobody asked", Found(history with { Writes = [Asked("1")] }));
        AssertOnly(FindingKind.Duplicated, "write 2: carried out 2 times", Found(Appended(history, Updated("2"))));
    }

    [Fact]
    public void Sessions_end_when_their_callers_hang_up_and_not_otherwise()
    {
        var history = Flawless();
        var call = history.Calls[0];
        var session = history.Sessions[0];

        AssertOnly(
            FindingKind.Ended, "ended by Carrier, stopped, not by its caller",
            Found(history with { Calls = [call with { HungUpAt = null, EndedBy = "Carrier, stopped" }] }));
        AssertOnly(
            FindingKind.Ended, "not by its caller", Found(history with { Calls = [call with { EndedAt = call.HungUpAt!.Value.AddSeconds(-3) }] }));
        AssertOnly(FindingKind.Ended, "its session is active", Found(history with { Sessions = [session with { State = "active", EndReason = null }] }));
        AssertOnly(FindingKind.Ended, "failed (talk_server_lost)", Found(history with { Sessions = [session with { State = "failed", EndReason = "talk_server_lost" }] }));
    }

    [Fact]
    public void A_session_without_a_call_is_a_phantom_and_a_call_without_a_session_is_lost()
    {
        var history = Flawless();

        AssertOnly(
            FindingKind.Phantom, "no call belongs to",
            Found(history with { Sessions = [.. history.Sessions, new(Guid.Parse("00000000-0000-7000-8000-000000000002"), "completed", "caller_hung_up", 0)] }));
        AssertOnly(
            FindingKind.Lost, "there is no session",
            Found(history with { Calls = [.. history.Calls, new("CA2", null, Start, Start, null, [], [], [])] }));
    }

    private static IReadOnlyList<Finding> Found(History history) => HistoryChecker.Check(history).Findings;

    /// <summary>The flawless call, in which the caller said one line more that no turn tells of.</summary>
    private static History WithUnheardLine(SpokenLine line)
    {
        var history = Flawless();
        return history with { Calls = [history.Calls[0] with { Lines = [.. history.Calls[0].Lines, line] }] };
    }

    private static void AssertOnly(FindingKind kind, string what, IReadOnlyList<Finding> found)
    {
        var finding = Assert.Single(found);
        Assert.Equal(kind, finding.Kind);
        Assert.Contains(what, finding.What, StringComparison.Ordinal);
    }

    /// <summary>A call of two lines, two writes, and a client that saw it all.</summary>
    private static History Flawless()
    {
        SessionFact[] facts =
        [
            new SessionCreated("openai", VoiceStrategy.Realtime, "twilio", null, new Dictionary<string, string>()),
            Turn("t1", "Call 0, question 0."),
            Updated("1"),
            Turn("t2", "Call 0, question 1."),
            Updated("2"),
            new StateChanged(SessionState.Active, SessionState.WrapUp, "carrier", EndReason.CallerHungUp),
        ];
        List<JournalEntry> journal = [.. facts.Select((fact, i) => new JournalEntry(Session, i + 1, Start.AddSeconds(i * 2), fact))];
        return new(
            [
                new("CA1", Session, Start.AddSeconds(30), Start.AddSeconds(30), "Caller, hang_up",
                [
                    new("Call 0, question 0.", Start.AddSeconds(0.5), Start.AddSeconds(1), OneStream: true),
                    new("Call 0, question 1.", Start.AddSeconds(4.5), Start.AddSeconds(5), OneStream: true),
                ],
                [], []),
            ],
            [new(Session, "completed", "caller_hung_up", facts.Length)],
            journal,
            [.. journal.Select(entry => new SeenEvent(Session, entry.Seq, SeenEvent.HashOf(entry.Fact)))],
            [new(Session, "1", Acknowledged: true), new(Session, "2", Acknowledged: true)],
            []);
    }

    /// <summary>The same with one more entry, which everybody saw.</summary>
    private static History Appended(History history, SessionFact fact)
    {
        var entry = new JournalEntry(Session, history.Journal.Count + 1, Start.AddSeconds(14), fact);
        return history with
        {
            Journal = [.. history.Journal, entry],
            Seen = [.. history.Seen, new SeenEvent(Session, entry.Seq, SeenEvent.HashOf(fact))],
            Sessions = [history.Sessions[0] with { LastSeq = entry.Seq }],
        };
    }

    private static TurnFinished Turn(string id, string text) => new(id, LegRole.Caller, text, 0, 700);

    private static SessionUpdated Updated(string marker) => new(null, new Dictionary<string, string> { [HistoryChecker.Marker] = marker });
}
