using System.Globalization;
using Kraliki.Contracts;

namespace Kraliki.OperatorConsole.Text;

public sealed partial record Words
{
    // Navigation
    public string MainNavigation { get; init; } = "Main";
    public string Menu { get; init; } = "Menu";
    public string Settings { get; init; } = "Settings";
    public string Users { get; init; } = "Users";
    public string AuditLog { get; init; } = "Audit log";
    public string Features { get; init; } = "Features";
    public string DemoMailbox { get; init; } = "Mailbox";
    public string NotAllowedTitle { get; init; } = "Your role does not open this page";
    public string NotAllowed { get; init; } = "You are signed in as {0}. If your work needs this page, ask an administrator of {1} to change your role.";

    // Changing what somebody else changes
    public string ConflictTitle { get; init; } = "Somebody else changed this meanwhile";
    public string ConflictLeave { get; init; } = "Leave it so";
    public string Undo { get; init; } = "Undo";
    public string ShowMore { get; init; } = "Show more";

    // Users
    public string UsersIntro { get; init; } = "Who may sign in, and what they may do. People join by invitation.";
    public string UsersReadOnly { get; init; } = "Who may sign in, and what they may do. Administrators can change this list.";
    public string FilterUsers { get; init; } = "Filter users";
    public string SearchPeople { get; init; } = "Name or e-mail";
    public string Person { get; init; } = "Person";
    public string Role { get; init; } = "Role";
    public string Status { get; init; } = "Status";
    public string LastSignIn { get; init; } = "Last sign-in";
    public string NeverSignedIn { get; init; } = "never";
    public string Actions { get; init; } = "Actions";
    public string AnyRole { get; init; } = "Any role";
    public string AnyStatus { get; init; } = "Any status";
    public string You { get; init; } = "You";
    public string OwnRow { get; init; } = "Your own account";
    public string PeopleShown { get; init; } = "{0} people shown";
    public string NobodyFound { get; init; } = "Nobody matches. Take a filter away or shorten the search.";
    public string StatusActive { get; init; } = "Active";
    public string StatusUnverified { get; init; } = "E-mail not confirmed";
    public string StatusDeactivated { get; init; } = "Deactivated";
    public string ExplainAdmin { get; init; } = "Everything a supervisor may, and: users, features, AI providers, the audit log.";
    public string ExplainSupervisor { get; init; } = "Everything an operator may, writes assistants, and sees who works here and which features are on.";
    public string ExplainAgent { get; init; } = "Works on the live desk: follows calls, steers the assistant, places practice calls.";
    public string ExplainViewer { get; init; } = "Follows calls and reads transcripts, changes nothing.";
    public string RoleOf { get; init; } = "Role of {0}";
    public string ChangeRole { get; init; } = "Change role";
    public string MakeAdministrator { get; init; } = "Make administrator";
    public string BecomesAdmin { get; init; } = "{0} will be able to change every role, yours too, and to read the audit log.";
    public string RoleChanged { get; init; } = "{0} is now {1}.";
    public string Deactivate { get; init; } = "Deactivate";
    public string Reactivate { get; init; } = "Reactivate";
    public string Deactivated { get; init; } = "{0} was deactivated and signed out everywhere.";
    public string Reactivated { get; init; } = "{0} can sign in again.";
    public string LastAdministrator { get; init; } = "This is the only active administrator. Make somebody else administrator first, otherwise nobody could manage the organisation.";
    public string MemberState { get; init; } = "{0} is now {1} ({2}).";

    // Invitations
    public string InvitePeople { get; init; } = "Invite people";
    public string InviteEmails { get; init; } = "E-mail addresses";
    public string InviteHint { get; init; } = "One per line, up to 10 at once. Each gets a mail with a link that is valid for 7 days.";
    public string InviteNobody { get; init; } = "Enter at least one e-mail address.";
    public string InviteTooMany { get; init; } = "That is more than {0} at once. Send them in several rounds.";
    public string InviteTooFast { get; init; } = "Enough mails for the moment. The addresses below are still to be invited: try again in {0} seconds.";
    public string SendInvitations { get; init; } = "Send invitations";
    public string Inviting { get; init; } = "Sending…";
    public string InvitationSent { get; init; } = "The invitation is on its way.";
    public string InvitationsSent { get; init; } = "{0} invitations are on their way.";
    public string OpenInvitations { get; init; } = "Open invitations";
    public string NoInvitations { get; init; } = "Nobody is invited at present. Whoever accepts an invitation moves to the list above.";
    public string InvitedBy { get; init; } = "invited by {0}";
    public string ValidUntil { get; init; } = "valid until";
    public string SendAgain { get; init; } = "Send again";
    public string Withdraw { get; init; } = "Withdraw";
    public string InvitationSentAgain { get; init; } = "A new mail to {0} is on its way; the link in the former one no longer works.";
    public string InvitationWithdrawn { get; init; } = "The invitation of {0} was withdrawn.";

    // Features
    public string FeaturesIntro { get; init; } = "Switch parts of the product off and on for everybody in your organisation. A change reaches running calls within 5 seconds and is written to the audit log.";
    public string FeaturesReadOnly { get; init; } = "Parts of the product that are on or off in your organisation. Only administrators change them.";
    public string On { get; init; } = "On";
    public string Off { get; init; } = "Off";
    public string SwitchOn { get; init; } = "Switch on";
    public string SwitchOff { get; init; } = "Switch off";
    public string BackToDefault { get; init; } = "Back to default";
    public string DefaultIs { get; init; } = "default: {0}";
    public string DefaultHolds { get; init; } = "Default: {0}. Nobody has changed it.";
    public string ChangedBy { get; init; } = "Changed by {0}";
    public string FlagIsOn { get; init; } = "{0} is on.";
    public string FlagIsOff { get; init; } = "{0} is off.";

    // Audit log
    public string AuditIntro { get; init; } = "Who did what, when and from where: sign-ins, refusals, changes of people, roles and features. Entries are never changed or deleted.";
    public string ExportCsv { get; init; } = "Export CSV";
    public string FilterAudit { get; init; } = "Filter the audit log";
    public string SearchAudit { get; init; } = "Search";
    public string Actor { get; init; } = "Who";
    public string Act { get; init; } = "What";
    public string AnyAct { get; init; } = "Anything";
    public string From { get; init; } = "From";
    public string To { get; init; } = "Until, whole day";
    public string EntriesShown { get; init; } = "{0} entries shown";
    public string NoEntries { get; init; } = "No entry matches. Take a filter away or widen the period.";
    public string Subject { get; init; } = "Subject";
    public string NetworkAddress { get; init; } = "Network address";
    public string RequestId { get; init; } = "Request id";
    public string EntryNumber { get; init; } = "Entry number";
    public string CodeName { get; init; } = "Code name";
    public string ActorCarrier { get; init; } = "The telephone carrier";
    public string ActorServer { get; init; } = "The server";
    public string ActorAnonymous { get; init; } = "Somebody not signed in";
    public string ChainTitle { get; init; } = "Has anybody tampered with the log?";
    public string ChainExplained { get; init; } = "Each entry is sealed together with the one before it, with a key that is not in the database. The check finds entries that were changed, removed, inserted or moved.";
    public string VerifyChain { get; init; } = "Verify the chain";
    public string VerifyingChain { get; init; } = "Checking every entry…";
    public string ChainIntact { get; init; } = "Intact: all {0} entries are as they were written. Checked at";
    public string ChainIntactOne { get; init; } = "Intact: the one entry is as it was written. Checked at";
    public string ChainBroken { get; init; } = "Not intact. {0} entries were checked; these are not as they were written:";
    public string ChainProblem { get; init; } = "No. {0}, {1}:";
    public string ChainBrokenAdvice { get; init; } = "Somebody with access to the database did this, or a backup was restored. Keep a copy of the database and find out who had access.";
    public string FaultChanged { get; init; } = "changed";
    public string FaultRemoved { get; init; } = "removed";
    public string FaultInserted { get; init; } = "inserted";
    public string FaultReordered { get; init; } = "moved";

    // The demo's mailbox
    public string MailboxIntro { get; init; } = "Every mail that this demo would have sent, to anybody. Nothing leaves this machine.";
    public string MailsShown { get; init; } = "{0} mails";
    public string Mail { get; init; } = "Mail";
    public string MailTo { get; init; } = "To {0}";
    public string NoMailTitle { get; init; } = "No mail yet";
    public string NoMail { get; init; } = "Register, ask for a new password or invite somebody: the mail appears here by itself.";
    public string ChooseMailTitle { get; init; } = "Choose a mail";
    public string ChooseMail { get; init; } = "Its text and links appear here.";
    public string MailMissing { get; init; } = "There is no such mail.";
    public string BackToMails { get; init; } = "All mails";

    public string Of(UserRole role) => role switch
    {
        UserRole.Admin => RoleAdmin,
        UserRole.Supervisor => RoleSupervisor,
        UserRole.Agent => RoleAgent,
        _ => RoleViewer,
    };

    public string Of(MemberStatus status) => status switch
    {
        MemberStatus.Active => StatusActive,
        MemberStatus.Unverified => StatusUnverified,
        _ => StatusDeactivated,
    };

    public string Explain(UserRole role) => role switch
    {
        UserRole.Admin => ExplainAdmin,
        UserRole.Supervisor => ExplainSupervisor,
        UserRole.Agent => ExplainAgent,
        _ => ExplainViewer,
    };

    public string StateOf(MemberView member) =>
        string.Format(CultureInfo.InvariantCulture, MemberState, member.Name, Of(member.Role), Of(member.Status).ToLowerInvariant());

    public string Of(AuditFault fault) => fault switch
    {
        AuditFault.Changed => FaultChanged,
        AuditFault.Removed => FaultRemoved,
        AuditFault.Inserted => FaultInserted,
        _ => FaultReordered,
    };

    public string StateOf(FlagView flag) => string.Format(CultureInfo.InvariantCulture, flag.Enabled ? FlagIsOn : FlagIsOff, flag.Title);
}
