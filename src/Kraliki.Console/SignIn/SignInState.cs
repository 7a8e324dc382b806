using System.Security.Claims;
using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.OperatorConsole.Frame;
using Microsoft.AspNetCore.Components.Authorization;

namespace Kraliki.OperatorConsole.SignIn;

/// <summary>Who sits here. The proof is the server's HttpOnly cookie, which scripts cannot read: the server is asked.</summary>
public sealed class SignInState : AuthenticationStateProvider, IDisposable
{
    private static readonly AuthenticationState Nobody = new(new ClaimsPrincipal());

    private readonly KralikiClient _client;
    private readonly Reachability _reachability;
    private readonly TimeProvider _time;
    private Task<AuthenticationState>? _state;

    public SignInState(KralikiClient client, Reachability reachability, TimeProvider time)
    {
        _client = client;
        _reachability = reachability;
        _time = time;
        _client.SignInLost += Lost;
    }

    public UserView? User { get; private set; }

    /// <summary>The server ended the session, so that the sign-in page can say so.</summary>
    public bool WasLost { get; private set; }

    public override Task<AuthenticationState> GetAuthenticationStateAsync() => _state ??= AskAsync();

    /// <exception cref="KralikiException">The server refused, or could not be reached.</exception>
    public async Task SignInAsync(string email, string password, CancellationToken cancellationToken)
    {
        var user = await _client.LoginAsync(email, password, TokenTransport.Cookie, cancellationToken);
        WasLost = false;
        Become(user);
    }

    public async Task SignOutAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _client.LogoutAsync(cancellationToken);
        }
        catch (KralikiException fault) when (!fault.IsUnreachable)
        {
            // The server no longer knows the session: signed out is what was wanted.
        }

        WasLost = false;
        Become(null);
    }

    public void Dispose() => _client.SignInLost -= Lost;

    private async Task<AuthenticationState> AskAsync()
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                User = await _client.MeAsync();
                _reachability.Answered();
                return StateOf(User);
            }
            catch (KralikiException fault) when (fault.IsUnreachable)
            {
                // Nobody is signed out because the server restarts: the page says that it does not answer, and asks on.
                _reachability.Failed(fault);
                await Task.Delay(Backoff.Default.Delay(attempt, Random.Shared.NextDouble()), _time);
            }
            catch (KralikiException)
            {
                return Nobody;
            }
        }
    }

    private void Lost()
    {
        // The first question of a fresh visitor also ends here; only a known user loses something.
        if (User is not null)
        {
            WasLost = true;
            Become(null);
        }
    }

    private void Become(UserView? user)
    {
        User = user;
        _state = Task.FromResult(StateOf(user));
        NotifyAuthenticationStateChanged(_state);
    }

    private static AuthenticationState StateOf(UserView? user) => user is null
        ? Nobody
        : new(new ClaimsPrincipal(new ClaimsIdentity(
            [new(ClaimTypes.Name, user.Name), new(ClaimTypes.Email, user.Email), new(ClaimTypes.Role, user.Role.ToString()), .. RolePermissions.Of(user.Role).Select(permission => new Claim(Rights.Claim, permission))],
            authenticationType: "cookie")));
}
