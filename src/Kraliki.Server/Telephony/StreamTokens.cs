using Kraliki.Server.Cluster;

namespace Kraliki.Server.Telephony;

/// <summary>What a media socket is let in to.</summary>
internal sealed record StreamPass(Guid SessionId, string CallSid);

/// <summary>One-time tokens that open a media socket: put into the TwiML, brought back by the stream's <c>start</c> message to whichever node. Safe from any thread.</summary>
internal sealed class StreamTokens(OneTimeTokens tokens, TimeProvider time)
{
    private const string Purpose = "stream";

    private static readonly TimeSpan Life = TimeSpan.FromSeconds(60);

    /// <returns>Well below the 500 characters that Twilio takes for the name and value of a parameter.</returns>
    public string Issue(Guid sessionId, string callSid) => tokens.Issue(Purpose, new StreamPass(sessionId, callSid), time.GetUtcNow() + Life);

    /// <param name="callSid">The call that the stream says it belongs to; a token of another call is unknown.</param>
    /// <exception cref="System.Data.Common.DbException">The database is away: neither good nor bad. The call could not begin without it either.</exception>
    /// <exception cref="TimeoutException">The same.</exception>
    public Task<Redeemed<StreamPass>> RedeemAsync(string token, string callSid, CancellationToken cancellationToken) =>
        tokens.RedeemAsync<StreamPass>(Purpose, token, pass => pass.CallSid == callSid, cancellationToken);
}
