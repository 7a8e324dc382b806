using Kraliki.Contracts;
using Kraliki.Server.Cluster;

namespace Kraliki.Server.Sessions.Sockets;

/// <summary>Who may open one socket, and for what.</summary>
/// <param name="User">E-mail address.</param>
/// <param name="MaySteer">May send text, results and decisions; otherwise only watch and listen.</param>
/// <param name="SignIn">What the pass was given to; ticket and socket live no longer than it.</param>
/// <param name="Role">The person's when the pass was given; another role needs another pass.</param>
internal sealed record SocketPass(Guid SessionId, string User, bool MaySteer, Guid SignIn, UserRole Role);

/// <summary>Single-use tickets for sockets: browsers cannot send an access token with a WebSocket, and URLs end up in logs. Good on every node; safe from any thread.</summary>
internal sealed class SocketTickets(OneTimeTokens tokens, TimeProvider time)
{
    public static readonly TimeSpan Life = TimeSpan.FromSeconds(30);

    private const string Purpose = "socket";

    public SocketTicket Issue(SocketPass pass)
    {
        var expiresAt = time.GetUtcNow() + Life;
        return new(tokens.Issue(Purpose, pass, expiresAt), expiresAt);
    }

    /// <returns>Null when it was never issued, is used up or too old, or is for another session: then the attempt has used it up.</returns>
    /// <exception cref="System.Data.Common.DbException">The database is away: neither good nor bad.</exception>
    /// <exception cref="TimeoutException">The same.</exception>
    public async Task<SocketPass?> RedeemAsync(string ticket, Guid sessionId, CancellationToken cancellationToken) =>
        (await tokens.RedeemAsync<SocketPass>(Purpose, ticket, fits: _ => true, cancellationToken)).Content is { } pass && pass.SessionId == sessionId ? pass : null;
}
