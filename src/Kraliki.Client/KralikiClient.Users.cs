using Kraliki.Contracts;

namespace Kraliki.Client;

/// <summary>The people of the organisation and their invitations.</summary>
public sealed partial class KralikiClient
{
    public Task<Page<MemberView>> ListUsersAsync(MemberFilter? filter = null, CancellationToken cancellationToken = default) =>
        _api.GetAsync("api/v1/users" + (filter ?? new()).ToQuery(), ContractsJson.Default.PageMemberView, cancellationToken);

    public Task<MemberView> GetUserAsync(Guid id, CancellationToken cancellationToken = default) =>
        _api.GetAsync($"api/v1/users/{id}", ContractsJson.Default.MemberView, cancellationToken);

    /// <summary>Refused with code <c>last_administrator</c> when nobody could administer the organisation afterwards.</summary>
    /// <param name="ifVersion">The <see cref="MemberView.Version"/> the change was decided on; a newer one is refused with code <c>version_conflict</c> and the person as they are now.</param>
    public Task<MemberView> UpdateUserAsync(Guid id, UpdateUser change, long ifVersion, CancellationToken cancellationToken = default) =>
        _api.SendAsync(HttpMethod.Patch, $"api/v1/users/{id}", change, ContractsJson.Default.UpdateUser, ContractsJson.Default.MemberView, cancellationToken, ifVersion);

    public Task<InvitationView> InviteUserAsync(InviteUser invitation, CancellationToken cancellationToken = default) =>
        _api.CreateAsync("api/v1/users", invitation, ContractsJson.Default.InviteUser, ContractsJson.Default.InvitationView, cancellationToken);

    /// <summary>Invitations that are neither accepted nor withdrawn; an expired one can be sent again.</summary>
    public Task<Page<InvitationView>> ListInvitationsAsync(int? limit = null, string? cursor = null, CancellationToken cancellationToken = default) =>
        _api.GetAsync("api/v1/invitations" + new Query().Add("limit", limit).Add("cursor", cursor), ContractsJson.Default.PageInvitationView, cancellationToken);

    /// <summary>Sends a new mail; the link in the former one stops working.</summary>
    public Task ResendInvitationAsync(Guid id, CancellationToken cancellationToken = default) =>
        _api.SendAsync(HttpMethod.Post, $"api/v1/invitations/{id}/resend", cancellationToken);

    public Task WithdrawInvitationAsync(Guid id, CancellationToken cancellationToken = default) =>
        _api.SendAsync(HttpMethod.Delete, $"api/v1/invitations/{id}", cancellationToken);
}
