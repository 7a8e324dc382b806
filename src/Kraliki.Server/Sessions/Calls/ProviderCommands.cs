using Kraliki.Contracts;
using Kraliki.Voice.Calls;

namespace Kraliki.Server.Sessions.Calls;

/// <summary>The node that holds the call finds the provider by its name and asks the loop for a <see cref="SwitchProvider"/>.</summary>
/// <inheritdoc cref="SwitchProvider"/>
internal sealed record ChangeProvider(string Provider, string Reason, string By, bool AtOnce) : CallCommand;

/// <summary>From now on these take over from each other; becomes a <see cref="ReplaceOrder"/>.</summary>
internal sealed record ApplyFailoverPolicy(FailoverPolicy Policy) : CallCommand;
