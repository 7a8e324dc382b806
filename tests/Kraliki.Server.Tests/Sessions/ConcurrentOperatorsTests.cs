using System.Net;
using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.Server.Sessions;

namespace Kraliki.Server.Tests.Sessions;

/// <summary>Two people at the same call, deciding on the same version of it.</summary>
public sealed class ConcurrentOperatorsTests(SharedSessionServer shared)
{
    private const int Racers = 50;

    private readonly SessionServer _server = shared.Server;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Of_fifty_holds_changes_and_ends_on_one_version_exactly_one_is_done()
    {
        using var eva = await _server.SignInAsync(Cancelled);
        using var jan = await _server.SignInAsync(Cancelled, RunningServer.Supervisor);
        for (var race = 0; race < 5; race++)
        {
            var call = await _server.StartCallAsync(Cancelled);
            var before = await eva.GetSessionAsync(call.Id, Cancelled);

            var outcomes = await Task.WhenAll(Enumerable.Range(0, Racers).Select(i => TryAsync(i % 2 == 0 ? eva : jan, i, before)));

            var winner = Assert.Single(outcomes, outcome => outcome.Refusal is null).View!;
            Assert.Equal(before.Version + 1, winner.Version);
            Assert.All(outcomes.Where(outcome => outcome.Refusal is not null), outcome =>
            {
                Assert.Equal((HttpStatusCode.PreconditionFailed, "version_conflict"), (outcome.Refusal!.Status, outcome.Refusal.Code));
                var current = outcome.Refusal.Current(ContractsJson.Default.SessionView)!;
                Assert.Equal((winner.Version, winner.State, winner.PhoneNumber), (current.Version, current.State, current.PhoneNumber));
            });
            var events = await eva.GetEventsAsync(call.Id, before.LastSeq, cancellationToken: Cancelled);
            Assert.Single(events.Items, happened => happened.Data is StateChanged or SessionUpdated);
            await call.EndAsync(EndReason.CallerHungUp);
        }
    }

    [Fact]
    public async Task An_end_on_an_older_version_shows_what_has_changed_and_is_done_on_the_new_one()
    {
        using var eva = await _server.SignInAsync(Cancelled);
        using var jan = await _server.SignInAsync(Cancelled, RunningServer.Supervisor);
        var call = await _server.StartCallAsync(Cancelled);
        var seen = await eva.GetSessionAsync(call.Id, Cancelled);
        await jan.UpdateSessionAsync(call.Id, new(SessionState.OnHold), seen.Version, Cancelled);

        var refusal = await Assert.ThrowsAsync<KralikiException>(() => eva.EndSessionAsync(call.Id, ifVersion: seen.Version, cancellationToken: Cancelled));
        var current = refusal.Current(ContractsJson.Default.SessionView)!;
        Assert.Equal((HttpStatusCode.PreconditionFailed, SessionState.OnHold), (refusal.Status, current.State));

        Assert.Equal(SessionState.WrapUp, (await eva.EndSessionAsync(call.Id, ifVersion: current.Version, cancellationToken: Cancelled)).State);
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await Assert.ThrowsAsync<KralikiException>(() => jan.EndSessionAsync(call.Id, ifVersion: current.Version, cancellationToken: Cancelled))).Status);

        // Without a version an end is never refused: it is urgent, and harmless when it comes twice.
        await jan.EndSessionAsync(call.Id, cancellationToken: Cancelled);
        await call.EndAsync(EndReason.OperatorEnded);
    }

    [Fact]
    public async Task A_command_whose_answer_was_lost_is_not_in_conflict_with_itself()
    {
        var call = await _server.StartCallAsync(Cancelled);
        var seen = await _server.RowAsync(call.Id, Cancelled);
        var grain = _server.Get<IGrainFactory>().GetGrain<ISessionGrain>(call.Id);
        var request = Guid.NewGuid();

        var first = await grain.UpdateAsync(new(SessionState.OnHold), "eva@demo.example", seen.Version, request);
        var again = await grain.UpdateAsync(new(SessionState.OnHold), "eva@demo.example", seen.Version, request);
        var other = await grain.UpdateAsync(new(SessionState.OnHold), "jan@demo.example", seen.Version, Guid.NewGuid());

        Assert.Equal(ChangeResult.Done, first.Result);
        Assert.Equal((ChangeResult.Done, first.Row!.Version), (again.Result, again.Row!.Version));
        Assert.Equal(ChangeResult.VersionConflict, other.Result);
        await call.EndAsync(EndReason.CallerHungUp);
    }

    private static async Task<(SessionView? View, KralikiException? Refusal)> TryAsync(KralikiClient api, int i, SessionView seen)
    {
        try
        {
            return (
                (i % 3) switch
                {
                    0 => await api.UpdateSessionAsync(seen.Id, new(SessionState.OnHold), seen.Version, Cancelled),
                    1 => await api.UpdateSessionAsync(seen.Id, new(PhoneNumber: $"+4206010{i:00000}"), seen.Version, Cancelled),
                    _ => await api.EndSessionAsync(seen.Id, ifVersion: seen.Version, cancellationToken: Cancelled),
                },
                null);
        }
        catch (KralikiException refusal)
        {
            return (null, refusal);
        }
    }
}
