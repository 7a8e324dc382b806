using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Kraliki.Contracts;

namespace Kraliki.Server.Sessions.Sockets;

/// <summary>Who may open one socket, and for what.</summary>
/// <param name="User">E-mail address.</param>
/// <param name="MaySteer">May send text, results and decisions; otherwise only watch and listen.</param>
/// <param name="SignIn">What the pass was given to; ticket and socket live no longer than it.</param>
/// <param name="Role">The person's when the pass was given; another role needs another pass.</param>
internal sealed record SocketPass(Guid SessionId, string User, bool MaySteer, Guid SignIn, UserRole Role);

/// <summary>Single-use tickets for sockets: browsers cannot send an access token with a WebSocket, and URLs end up in logs. Safe from any thread.</summary>
/// <remarks>Kept in the memory of this node, and only as hashes.</remarks>
internal sealed class SocketTickets(TimeProvider time)
{
    public static readonly TimeSpan Life = TimeSpan.FromSeconds(30);

    // Far above what people open in half a minute; full: the oldest are worn out or will soon be.
    private const int MostTickets = 10_000;

    private readonly ConcurrentDictionary<string, (SocketPass Pass, DateTimeOffset ExpiresAt)> _tickets = new();

    public SocketTicket Issue(SocketPass pass)
    {
        var now = time.GetUtcNow();
        if (_tickets.Count >= MostTickets)
        {
            foreach (var (key, (_, expiresAt)) in _tickets.OrderBy(ticket => ticket.Value.ExpiresAt).Take(MostTickets / 2))
            {
                _tickets.TryRemove(key, out _);
            }
        }

        foreach (var (key, (_, expiresAt)) in _tickets.Where(ticket => ticket.Value.ExpiresAt <= now))
        {
            _tickets.TryRemove(key, out _);
        }

        var secret = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        _tickets[Hash(secret)] = (pass, now + Life);
        return new(secret, now + Life);
    }

    /// <returns>Null when it was never issued, is used up or too old, or is for another session.</returns>
    public SocketPass? Redeem(string ticket, Guid sessionId) =>
        _tickets.TryRemove(Hash(ticket), out var issued) && issued.ExpiresAt > time.GetUtcNow() && issued.Pass.SessionId == sessionId
            ? issued.Pass
            : null;

    private static string Hash(string ticket) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(ticket)));
}
