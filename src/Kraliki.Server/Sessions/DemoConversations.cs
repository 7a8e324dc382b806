using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Identity;
using Kraliki.Server.Sessions.Journal;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Sessions;

/// <summary>Gives a fresh demo organisation some finished conversations to read, marked as samples.</summary>
internal sealed class DemoConversations(KralikiOptions options, StartTurn turns, KralikiDbFactory databases, JournalWriter journal, TimeProvider time) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (!options.Demo)
        {
            return;
        }

        await using var turn = await turns.TakeAsync(cancellationToken);
        await using var db = databases.OpenForSystem();
        if (await db.Set<SessionRow>().AnyAsync(row => row.OrganisationId == FirstAccounts.OrganisationId, cancellationToken))
        {
            return;
        }

        var now = time.GetUtcNow();
        await WriteAsync(db, now.AddHours(-26), "+12025550163", "openai", EndReason.AssistantEnded, "The assistant said goodbye and ended the call.",
        [
            Ai("Hello, this is Kraliki Travel, you are talking to the virtual assistant. How can I help you?", 6600),
            Caller("What time do you close today?", 2100),
            Ai("We are open from nine in the morning until six in the evening. Is there anything else I can do for you?", 6900),
            Caller("No, thank you, goodbye.", 1700),
            Ai("Thank you for calling Kraliki Travel. Goodbye!", 3500),
        ], cancellationToken);
        await WriteAsync(db, now.AddHours(-5), "+420601234567", "local", EndReason.CallerHungUp, "The caller hung up.",
        [
            Ai("Hello, this is Kraliki Travel, you are talking to the virtual assistant. How can I help you?", 6600),
            Caller("I would like to speak to a person, please.", 2600),
            Ai("Of course. A colleague will call you", 2300) with { Interrupted = true, HeardMs = 2300 },
            Caller("Great, thanks.", 900),
        ], cancellationToken);
        await WriteAsync(db, now.AddMinutes(-90), "+12025550129", "openai", EndReason.TalkProviderLost, "The connection to OpenAI ended without a goodbye (code 1006).",
        [
            Ai("Hello, this is Kraliki Travel, you are talking to the virtual assistant. How can I help you?", 6600),
            Caller("How much is a weekend in Vienna for two people?", 3000),
        ], cancellationToken);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private static TurnFinished Ai(string text, int milliseconds) => new("", LegRole.Ai, text, 0, milliseconds, HeardMs: milliseconds);

    private static TurnFinished Caller(string text, int milliseconds) => new("", LegRole.Caller, text, 0, milliseconds);

    private async Task WriteAsync(
        KralikiDb db, DateTimeOffset at, string number, string provider, EndReason reason, string detail, TurnFinished[] turns, CancellationToken cancellationToken)
    {
        var created = new SessionCreated(provider, VoiceStrategy.Realtime, "twilio", number, new Dictionary<string, string> { ["sample"] = "true" });
        bool good = reason is EndReason.AssistantEnded or EndReason.CallerHungUp;
        var facts = new List<(SessionFact Fact, long Ms)>
        {
            (created, 0),
            (new CarrierConnected("twilio", "CA-sample", "MZ-sample"), 900),
            (new StateChanged(SessionState.Created, SessionState.Connecting, "call"), 900),
            (new ProviderConnected(provider, null, "sample", 210), 1100),
            (new StateChanged(SessionState.Connecting, SessionState.Active, "call"), 1100),
        };
        long ms = 300;
        for (int i = 0; i < turns.Length; i++)
        {
            // 700 ms between turns, as people and this assistant leave.
            var turn = turns[i] with { TurnId = $"sample-{i + 1}", StartMs = ms, EndMs = ms + turns[i].EndMs };
            ms = turn.EndMs + 700;
            facts.Add((turn, 1100 + turn.EndMs));
        }

        facts.Add((new MediaEnded(reason, detail, ms / 20, ms / 40, 0, []), 1100 + ms));
        facts.Add((new StateChanged(SessionState.Active, good ? SessionState.WrapUp : SessionState.Failed, "call", reason, detail), 1100 + ms));
        if (good)
        {
            facts.Add((new StateChanged(SessionState.WrapUp, SessionState.Completed, "server"), 1150 + ms));
        }

        var row = SessionRow.Born(Guid.CreateVersion7(at), FirstAccounts.OrganisationId, created, at);
        var events = facts.Select((entry, i) => new SessionEvent(i + 1, at.AddMilliseconds(entry.Ms), entry.Fact)).ToList();
        row = events.Aggregate(row, (current, happened) => current.Apply(happened)) with { UpdatedAt = events[^1].At };

        // A database that is slow to answer for a moment is no reason not to start. What it did not confirm may be there all the same.
        await GrainCalls.RepeatAsync(
            async () => await db.Set<SessionRow>().AnyAsync(known => known.Id == row.Id, cancellationToken) || await journal.AppendAsync(new JournalWrite(Before: null, row, events)),
            time,
            cancellationToken);
    }
}
