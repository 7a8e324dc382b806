using Kraliki.Contracts;
using Kraliki.Server.Cluster;
using Kraliki.Server.Hosting;
using Kraliki.Server.Sessions.Sockets;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Server.Tests.Sessions;

public sealed class SocketTicketsTests
{
    private static readonly Guid Session = Guid.CreateVersion7();

    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly SocketTickets _tickets;

    public SocketTicketsTests(SharedSessionServer shared) =>
        _tickets = new SocketTickets(new OneTimeTokens(shared.Server.Get<MasterKey>(), shared.Server.Get<SpentTokens>(), _time), _time);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_ticket_lives_thirty_seconds()
    {
        var early = Issue();
        var late = Issue();

        _time.Advance(TimeSpan.FromSeconds(29.9));
        Assert.NotNull(await _tickets.RedeemAsync(early, Session, Cancelled));
        _time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.Null(await _tickets.RedeemAsync(late, Session, Cancelled));
    }

    [Fact]
    public async Task A_ticket_opens_its_session_once()
    {
        var pass = new SocketPass(Session, "a@b.example", MaySteer: true, Guid.NewGuid(), UserRole.Supervisor);
        var ticket = _tickets.Issue(pass).Ticket;

        Assert.Equal(pass, await _tickets.RedeemAsync(ticket, Session, Cancelled));
        Assert.Null(await _tickets.RedeemAsync(ticket, Session, Cancelled));
    }

    [Fact]
    public async Task A_ticket_is_used_up_even_by_the_wrong_door()
    {
        var ticket = Issue();

        Assert.Null(await _tickets.RedeemAsync(ticket, Guid.CreateVersion7(), Cancelled));
        Assert.Null(await _tickets.RedeemAsync(ticket, Session, Cancelled));
    }

    private string Issue() => _tickets.Issue(new SocketPass(Session, "a@b.example", MaySteer: true, Guid.NewGuid(), UserRole.Agent)).Ticket;
}
