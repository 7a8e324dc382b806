using Kraliki.Contracts;

namespace Kraliki.Client;

/// <summary>Audit log, feature flags and the demo's mailbox.</summary>
public sealed partial class KralikiClient
{
    /// <summary>Newest first.</summary>
    public Task<Page<AuditEntryView>> SearchAuditAsync(AuditFilter? filter = null, CancellationToken cancellationToken = default) =>
        _api.GetAsync("api/v1/audit" + (filter ?? new()).ToQuery(), ContractsJson.Default.PageAuditEntryView, cancellationToken);

    /// <summary>Recomputes the whole chain of the organisation: takes the longer, the longer the log is.</summary>
    public Task<AuditVerification> VerifyAuditAsync(CancellationToken cancellationToken = default) =>
        _api.GetAsync("api/v1/audit/verification", ContractsJson.Default.AuditVerification, cancellationToken);

    /// <summary>Path of the CSV file with what the filter lets through, for a link that downloads it.</summary>
    public static string AuditExportPath(AuditFilter filter)
    {
        ArgumentNullException.ThrowIfNull(filter);
        return "/api/v1/audit/export" + (filter with { Limit = null, Cursor = null }).ToQuery();
    }

    public Task<IReadOnlyList<FlagView>> ListFlagsAsync(CancellationToken cancellationToken = default) =>
        _api.GetAsync("api/v1/flags", ContractsJson.Default.IReadOnlyListFlagView, cancellationToken);

    /// <param name="enabled">Null goes back to the default.</param>
    /// <param name="ifVersion">The <see cref="FlagView.Version"/> the change was decided on; a newer one is refused with code <c>version_conflict</c> and the flag as it is now.</param>
    public Task<FlagView> SetFlagAsync(string name, bool? enabled, long ifVersion, CancellationToken cancellationToken = default) =>
        _api.SendAsync(
            HttpMethod.Patch,
            $"api/v1/flags/{Uri.EscapeDataString(name)}",
            new UpdateFlag(enabled),
            ContractsJson.Default.UpdateFlag,
            ContractsJson.Default.FlagView,
            cancellationToken,
            ifVersion);

    /// <summary>The 200 newest mails of a demo installation, newest first; needs no sign-in. Other installations answer 404.</summary>
    /// <param name="to">Only mails to this address.</param>
    public Task<Page<MailView>> ListMailAsync(string? to = null, CancellationToken cancellationToken = default) =>
        _api.GetAsync("api/v1/mailbox" + new Query().Add("to", to), ContractsJson.Default.PageMailView, cancellationToken);

    public Task<MailView> GetMailAsync(Guid id, CancellationToken cancellationToken = default) =>
        _api.GetAsync($"api/v1/mailbox/{id}", ContractsJson.Default.MailView, cancellationToken);
}
