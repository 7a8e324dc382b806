using System.Collections.Concurrent;
using Kraliki.Server.Hosting;

namespace Kraliki.Server.Telephony;

/// <param name="AuthToken">Signs webhooks, and is the password of the REST API.</param>
/// <param name="Api">Where the REST API is.</param>
internal sealed record TwilioAccount(string Sid, string AuthToken, Uri Api);

/// <summary>Whose webhooks are believed, and who may be asked about calls: the configured account, and the simulated carrier of practice calls. Safe from any thread.</summary>
internal sealed class TwilioAccounts
{
    private readonly ConcurrentDictionary<string, TwilioAccount> _accounts = new();

    public TwilioAccounts(KralikiOptions options)
    {
        if (options.Carriers.Twilio is { AccountSid: { } sid, AuthToken: { } token, BaseUrl: var api })
        {
            Add(new(sid, token.Reveal(), api ?? TwilioRest.Address));
        }
    }

    public void Add(TwilioAccount account) => _accounts[account.Sid] = account;

    /// <returns>Null for an account that is not ours.</returns>
    public TwilioAccount? Find(string? accountSid) => accountSid is null ? null : _accounts.GetValueOrDefault(accountSid);
}
