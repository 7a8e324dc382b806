using System.Collections.Concurrent;
using Kraliki.Server.Hosting;

namespace Kraliki.Server.Telephony;

/// <summary>Whose webhooks are believed: the configured account, and the simulated carrier of practice calls. Safe from any thread.</summary>
internal sealed class TwilioAccounts
{
    private readonly ConcurrentDictionary<string, string> _tokens = new();

    public TwilioAccounts(KralikiOptions options)
    {
        if (options.Carriers.Twilio is { AccountSid: { } sid, AuthToken: { } token })
        {
            _tokens[sid] = token.Reveal();
        }
    }

    public void Add(string accountSid, string authToken) => _tokens[accountSid] = authToken;

    /// <returns>Null for an account that is not ours.</returns>
    public string? TokenOf(string? accountSid) => accountSid is not null && _tokens.TryGetValue(accountSid, out string? token) ? token : null;
}
