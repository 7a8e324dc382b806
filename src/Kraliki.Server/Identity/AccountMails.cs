using Kraliki.Contracts;
using Kraliki.Server.Hosting;
using Kraliki.Server.Mail;

namespace Kraliki.Server.Identity;

/// <summary>
/// What accounts write to people. Nothing that a stranger typed (names, an organisation) stands in a mail to an address that
/// has not agreed to us: our mails must not carry anybody's advertisement.
/// </summary>
internal sealed class AccountMails(PublicUrls urls)
{
    public MailText Verify(string token) => new(
        "Confirm your e-mail address",
        $"""
        Welcome to Kraliki!

        Open this link to confirm your e-mail address and finish your registration:

        {Link("verify", token)}

        It works once, within 24 hours. If you did not register, do nothing: without the link nobody can use the account.
        """);

    public MailText RegisteredTwice(string resetToken) => new(
        "Confirm your e-mail address and set a password",
        $"""
        Hello,

        somebody, probably you, registered with this e-mail address more than once. Links of earlier mails do not work any more.
        This one confirms the address and lets you set the password that counts. It works once, within 60 minutes:

        {Link("reset", resetToken)}

        If this was not you, do nothing: without the link nobody can use the account.
        """);

    public MailText AlreadyRegistered(string resetToken) => new(
        "You already have an account",
        $"""
        Hello,

        somebody, probably you, wanted to register with this e-mail address. You already have an account; just sign in:

        {urls.FixedHttp("/sign-in")}

        If you do not know the password any more, this link lets you set a new one. It works once, within 60 minutes:

        {Link("reset", resetToken)}

        If this was not you, do nothing: nothing has changed.
        """);

    public MailText Reset(string token) => new(
        "Set a new password",
        $"""
        Hello,

        this link lets you set a new password for Kraliki. It works once, within 60 minutes:

        {Link("reset", token)}

        If you did not ask for it, do nothing: your password stays as it is.
        """);

    public MailText PasswordChanged() => new(
        "Your password was changed",
        $"""
        Hello,

        the password of your Kraliki account has just been changed. If this was you, all is well.

        If it was not, set a new password now and tell your administrator:

        {urls.FixedHttp("/forgot")}
        """);

    public MailText Invitation(string organisation, string invitedBy, UserRole role, string token) => new(
        "You are invited to Kraliki",
        $"""
        Hello,

        {invitedBy} invites you to work with {organisation} in Kraliki as {role.InWords()}. Open this link to accept:

        {Link("invitation", token)}

        It works once, within 7 days. If you do not know what this is about, do nothing.
        """);

    private string Link(string page, string token) => urls.FixedHttp($"/{page}?token={token}");
}
