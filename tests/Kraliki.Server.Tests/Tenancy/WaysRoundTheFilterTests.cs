using System.Text.RegularExpressions;

namespace Kraliki.Server.Tests.Tenancy;

/// <summary>Every place that can reach rows of all organisations is known by name, with its reason.</summary>
/// <remarks><c>IgnoreQueryFilters</c> is a banned symbol (BannedSymbols.txt); nothing needs it today.</remarks>
public sealed partial class WaysRoundTheFilterTests
{
    /// <summary>Who may open a context of the system. A new line is a decision: why can it not use the request's context?</summary>
    private static readonly Dictionary<string, string> SystemContexts = new()
    {
        ["Cluster/ClusterTable.cs"] = "the nodes are the installation's",
        ["Cluster/SpentTokens.cs"] = "tokens are the installation's, known by their random ids alone",
        ["Data/DatabaseStart.cs"] = "migrations",
        ["Data/StartTurn.cs"] = "a lock of the installation, before anybody can sign in",
        ["Data/KralikiDb.cs"] = "the definition",
        ["Hosting/IdempotencyKeys.cs"] = "keyed by organisation and user; outlives the request that holds the claim",
        ["Identity/AuthApi.cs"] = "sign-in: nobody is signed in yet",
        ["Identity/FirstAccounts.cs"] = "first start: nobody is signed in",
        ["Identity/IdentityUpkeep.cs"] = "a job that removes what has expired",
        ["Identity/InvitationsApi.cs"] = "how often an address is written to counts over all organisations",
        ["Identity/LiveSignIns.cs"] = "a job: asks for all open sockets of the node at once",
        ["Identity/LoginDelays.cs"] = "sign-in: nobody is signed in yet",
        ["Identity/PasswordApi.cs"] = "forgotten password: the mail's token says who it is",
        ["Identity/RefreshTokens.cs"] = "refresh: the token says who it is",
        ["Identity/RegistrationApi.cs"] = "registration: nobody is signed in yet",
        ["Identity/Revocations.cs"] = "decides whether somebody is signed in",
        ["Identity/SignIns.cs"] = "ends sign-ins of a user, or one whose owner the caller has checked",
        ["Identity/SigningKeys.cs"] = "keys are the installation's",
        ["Mail/MailSender.cs"] = "a job that sends the mails of all",
        ["Mail/MailboxApi.cs"] = "the demo's mailbox shows everybody's mails",
        ["Identity/UsersApi.cs"] = "ends tokens, rows of the installation, in one transaction with the change of a user; names the organisation in each statement",
        ["Operations/AuditLog.cs"] = "writes for every organisation",
        ["Operations/Flags/FeatureFlags.cs"] = "keeps the flags of all organisations for their running calls",
        ["Operations/HealthApi.cs"] = "asks the database whether it is there",
        ["Providers/BreakerTables.cs"] = "providers are the installation's",
        ["Rehearsals/RehearsalRunner.cs"] = "a job, by the id of the row that it was given",
        ["Rehearsals/RehearsalServer.cs"] = "whoever starts the process holds the data",
        ["Sessions/DemoConversations.cs"] = "first start: nobody is signed in",
        ["Sessions/Journal/DatabaseWatch.cs"] = "asks the database whether it can be written",
        ["Sessions/Journal/JournalReader.cs"] = "by the id of a session that the request's context, or a ticket, has let through",
        ["Sessions/Journal/JournalTables.cs"] = "the journal writes for every session of the node",
        ["Telephony/CarrierCall.cs"] = "a carrier's webhook is nobody's request: its call says whose it is",
        ["Telephony/TwilioApi.cs"] = "a carrier's webhook is nobody's request: its call says whose it is",
    };

    /// <summary>Who may write SQL by hand, which no filter reads.</summary>
    private static readonly Dictionary<string, string> HandWrittenSql = new()
    {
        ["Cluster/SpentTokens.cs"] = "inserts what is not there yet and tells what was not; rows of the installation",
        ["Data/DatabaseStart.cs"] = "pragmas and triggers",
        ["Data/StartTurn.cs"] = "an advisory lock",
        ["Identity/LoginDelays.cs"] = "locks and corrects counts of failures; rows of the installation",
        ["Sessions/Journal/DatabaseWatch.cs"] = "an empty transaction",
        ["Sessions/Journal/JournalTables.cs"] = "prepared statements of the journal",
    };

    /// <summary>Who may make a context for an organisation of its choice.</summary>
    private static readonly Dictionary<string, string> Makers = new()
    {
        ["Data/DataSetup.cs"] = "the request's context",
        ["Data/KralikiDb.cs"] = "the factory",
        ["Sessions/Journal/JournalReader.cs"] = "a session that a user asks for, of the organisation that the request names",
    };

    [Fact]
    public void Contexts_of_the_system_are_opened_only_where_the_list_says_why() => AssertOnlyIn(SystemContexts, OpensSystem());

    [Fact]
    public void Sql_is_written_by_hand_only_where_the_list_says_why() => AssertOnlyIn(HandWrittenSql, Sql());

    [Fact]
    public void Contexts_are_made_only_where_the_list_says_why() => AssertOnlyIn(Makers, Makes());

    [Fact]
    public void No_file_switches_the_ban_of_a_symbol_off() => AssertOnlyIn([], SwitchesBanOff());

    private static void AssertOnlyIn(Dictionary<string, string> allowed, Regex what)
    {
        var server = Path.Combine(Repository.Root, "src", "Kraliki.Server");
        var found = Directory.EnumerateFiles(server, "*.cs", SearchOption.AllDirectories)
            .Where(file => what.IsMatch(File.ReadAllText(file)))
            .Select(file => Path.GetRelativePath(server, file).Replace('\\', '/'))
            .Where(file => !file.StartsWith("obj/", StringComparison.Ordinal) && !file.StartsWith("bin/", StringComparison.Ordinal) && !file.StartsWith("Data/Migrations/", StringComparison.Ordinal))
            .ToHashSet();
        Assert.True(found.IsSubsetOf(allowed.Keys), $"Not in the list of {nameof(WaysRoundTheFilterTests)}, which wants a reason: {string.Join(", ", found.Except(allowed.Keys))}");
        Assert.True(found.IsSupersetOf(allowed.Keys), $"In the list of {nameof(WaysRoundTheFilterTests)} for nothing: {string.Join(", ", allowed.Keys.Except(found))}");
    }

    [GeneratedRegex(@"\bOpenForSystem\b")]
    private static partial Regex OpensSystem();

    [GeneratedRegex(@"\b(FromSql|SqlQuery|ExecuteSql)\w*(<\w+>)?\(|\bGetDbConnection\(")]
    private static partial Regex Sql();

    [GeneratedRegex(@"\bnew (KralikiDb|PostgreSqlDb)\(|\bOpenFor\(")]
    private static partial Regex Makes();

    [GeneratedRegex(@"RS0030|IgnoreQueryFilters")]
    private static partial Regex SwitchesBanOff();
}
