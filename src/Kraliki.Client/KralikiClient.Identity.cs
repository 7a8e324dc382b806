using Kraliki.Contracts;

namespace Kraliki.Client;

// Who one is: registration, sign-in, password, profile and devices.
public sealed partial class KralikiClient
{
    /// <summary>Signs in. With <see cref="TokenTransport.Body"/> the tokens are kept here and used from now on.</summary>
    /// <exception cref="KralikiException">
    /// <c>invalid_credentials</c>; <c>email_not_verified</c>; <c>too_many_attempts</c> with <see cref="KralikiException.RetryAfter"/>.
    /// </exception>
    public async Task<UserView> LoginAsync(
        string email, string password, TokenTransport transport = TokenTransport.Cookie, CancellationToken cancellationToken = default)
    {
        var answer = await _api.SendAsync(
            HttpMethod.Post,
            "api/v1/auth/login",
            new LoginRequest(email, password, transport),
            ContractsJson.Default.LoginRequest,
            ContractsJson.Default.LoginResponse,
            cancellationToken).ConfigureAwait(false);
        _api.Keep(answer);
        return answer.User;
    }

    /// <summary>Renews the tokens before they run out.</summary>
    /// <returns>False when the server refused: the sign-in is over, and <see cref="SignInLost"/> was raised.</returns>
    public Task<bool> RenewAsync(CancellationToken cancellationToken = default) => _api.RenewAsync(cancellationToken);

    public Task LogoutAsync(CancellationToken cancellationToken = default) => _api.LogoutAsync(cancellationToken);

    /// <summary>Ends every sign-in of this person, this one too.</summary>
    public Task LogoutAllAsync(CancellationToken cancellationToken = default) => _api.LogoutAllAsync(cancellationToken);

    /// <summary>A new organisation, or by invitation one more person in an existing one. Signs nobody in.</summary>
    public Task<RegisterResponse> RegisterAsync(RegisterRequest registration, CancellationToken cancellationToken = default) =>
        _api.SendAsync(
            HttpMethod.Post,
            "api/v1/auth/register",
            registration,
            ContractsJson.Default.RegisterRequest,
            ContractsJson.Default.RegisterResponse,
            cancellationToken);

    /// <summary>What an invitation's token offers.</summary>
    public Task<InvitationOffer> GetInvitationAsync(string token, CancellationToken cancellationToken = default) =>
        _api.SendAsync(
            HttpMethod.Post,
            "api/v1/auth/invitation",
            new MailTokenRequest(token),
            ContractsJson.Default.MailTokenRequest,
            ContractsJson.Default.InvitationOffer,
            cancellationToken);

    public Task VerifyEmailAsync(string token, CancellationToken cancellationToken = default) =>
        _api.SendAsync(HttpMethod.Post, "api/v1/auth/verify-email", new MailTokenRequest(token), ContractsJson.Default.MailTokenRequest, cancellationToken);

    /// <summary>The server answers alike whether there is such an account or not.</summary>
    public Task ResendVerificationAsync(string email, CancellationToken cancellationToken = default) =>
        _api.SendAsync(HttpMethod.Post, "api/v1/auth/resend-verification", new EmailRequest(email), ContractsJson.Default.EmailRequest, cancellationToken);

    /// <summary>The server answers alike whether there is such an account or not.</summary>
    public Task ForgotPasswordAsync(string email, CancellationToken cancellationToken = default) =>
        _api.SendAsync(HttpMethod.Post, "api/v1/auth/forgot-password", new EmailRequest(email), ContractsJson.Default.EmailRequest, cancellationToken);

    /// <summary>Sets a new password by a mail's token and ends every sign-in of its owner.</summary>
    public Task ResetPasswordAsync(string token, string newPassword, CancellationToken cancellationToken = default) =>
        _api.SendAsync(
            HttpMethod.Post,
            "api/v1/auth/reset-password",
            new ResetPasswordRequest(token, newPassword),
            ContractsJson.Default.ResetPasswordRequest,
            cancellationToken);

    /// <summary>Sets a new password and ends every other sign-in of this person.</summary>
    public Task ChangePasswordAsync(string currentPassword, string newPassword, CancellationToken cancellationToken = default) =>
        _api.SendAsync(
            HttpMethod.Post,
            "api/v1/auth/change-password",
            new ChangePasswordRequest(currentPassword, newPassword),
            ContractsJson.Default.ChangePasswordRequest,
            cancellationToken);

    public Task<UserView> MeAsync(CancellationToken cancellationToken = default) =>
        _api.GetAsync("api/v1/auth/me", ContractsJson.Default.UserView, cancellationToken);

    /// <param name="ifVersion">The <see cref="UserView.Version"/> the change was decided on; a newer one is refused with code <c>version_conflict</c>.</param>
    public Task<UserView> UpdateMeAsync(UpdateMe change, long? ifVersion = null, CancellationToken cancellationToken = default) =>
        _api.SendAsync(
            HttpMethod.Patch, "api/v1/auth/me", change, ContractsJson.Default.UpdateMe, ContractsJson.Default.UserView, cancellationToken, ifVersion);

    /// <summary>Every sign-in of this person that is not over.</summary>
    public Task<IReadOnlyList<DeviceView>> ListDevicesAsync(CancellationToken cancellationToken = default) =>
        _api.GetAsync("api/v1/auth/sessions", ContractsJson.Default.IReadOnlyListDeviceView, cancellationToken);

    /// <summary>Signs one device out.</summary>
    public Task EndDeviceAsync(Guid id, CancellationToken cancellationToken = default) =>
        _api.SendAsync(HttpMethod.Delete, $"api/v1/auth/sessions/{id}", cancellationToken);
}
