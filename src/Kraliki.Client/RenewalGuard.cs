namespace Kraliki.Client;

/// <summary>
/// Decides who renews tokens that several clients share, as the tabs of a browser share its cookies: a guard lets one of
/// them ask the server and the others wait for it.
/// </summary>
/// <param name="usedAt">When the tokens to be replaced were last used. Renewed later by another client, they need no renewal.</param>
/// <param name="renew">Asks the server; false when it refuses.</param>
/// <returns>Whether there are fresh tokens now, whoever fetched them.</returns>
public delegate Task<bool> RenewalGuard(DateTimeOffset usedAt, Func<CancellationToken, Task<bool>> renew, CancellationToken cancellationToken);
