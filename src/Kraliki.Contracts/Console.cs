namespace Kraliki.Contracts;

/// <summary>What the console needs before anybody signed in.</summary>
/// <param name="Notices">Sentences to show: missing speech parts with their remedy, demo mode.</param>
/// <param name="RegistrationOpen">Whether strangers may register an organisation; otherwise an invitation is needed.</param>
/// <param name="Mailbox">The demo's mailbox stands in for everybody's mail.</param>
public sealed record ConsoleInfo(
    string Version, bool Demo, IReadOnlyList<string> Notices, string? DemoEmail, bool RegistrationOpen = true, bool Mailbox = false);

/// <summary>An error that a browser met, for the server's log. Personal data does not belong here.</summary>
public sealed record ErrorReport(string Message, string? Where = null, string? RequestId = null);
