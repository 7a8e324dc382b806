using System.Security.Claims;
using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.OperatorConsole.Frame;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Authorization;

namespace Kraliki.OperatorConsole.SignIn;

/// <summary>Why the sign-in page is shown, when its reader did not come by themselves.</summary>
public enum SignInNotice
{
    None,

    /// <summary>The server ended the session.</summary>
    Ended,
    SignedOutInAnotherTab,
    SignedOutEverywhere,
    PasswordReset,
}

/// <summary>Who sits here. The proof is the server's HttpOnly cookie, which scripts cannot read: the server is asked.</summary>
public sealed class SignInState : AuthenticationStateProvider, IDisposable
{
    private static readonly AuthenticationState Nobody = new(new ClaimsPrincipal());

    private readonly KralikiClient _client;
    private readonly Tabs _tabs;
    private readonly NavigationManager _navigation;
    private readonly Reachability _reachability;
    private readonly TimeProvider _time;
    private Task<AuthenticationState>? _state;
    private bool _leaving;

    public SignInState(KralikiClient client, Tabs tabs, NavigationManager navigation, Reachability reachability, TimeProvider time)
    {
        _client = client;
        _tabs = tabs;
        _navigation = navigation;
        _reachability = reachability;
        _time = time;
        _client.SignInLost += Lost;
        _client.TokensIssued += Renewed;
        _tabs.SignedOut += SignedOutElsewhere;
        _tabs.MayHaveChanged += CheckAsync;
    }

    public UserView? User { get; private set; }

    /// <summary>Said once by the sign-in page.</summary>
    public SignInNotice Notice { get; set; }

    /// <summary>The address that somebody just registered or confirmed, to be typed only once.</summary>
    public string? SuggestedEmail { get; set; }

    public override Task<AuthenticationState> GetAuthenticationStateAsync() => _state ??= AskAsync();

    /// <exception cref="KralikiException">The server refused, or could not be reached.</exception>
    public async Task SignInAsync(string email, string password, CancellationToken cancellationToken)
    {
        var user = await _client.LoginAsync(email, password, TokenTransport.Cookie, cancellationToken);
        await _tabs.TellSignedInAsync(cancellationToken);
        SuggestedEmail = null;
        Become(user, SignInNotice.None);
    }

    /// <exception cref="KralikiException">The server could not be reached.</exception>
    public Task SignOutAsync(CancellationToken cancellationToken) => LeaveAsync(_client.LogoutAsync, SignInNotice.None, cancellationToken);

    /// <exception cref="KralikiException">The server could not be reached.</exception>
    public Task SignOutEverywhereAsync(CancellationToken cancellationToken) =>
        LeaveAsync(_client.LogoutAllAsync, SignInNotice.SignedOutEverywhere, cancellationToken);

    /// <exception cref="KralikiException">
    /// The server refused, or could not be reached. With code <c>version_conflict</c>, <see cref="User"/> is as it is now.
    /// </exception>
    public async Task RenameAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            Become(await _client.UpdateMeAsync(new UpdateMe(name), User?.Version, cancellationToken), Notice);
        }
        catch (KralikiException fault) when (fault.Current(ContractsJson.Default.UserView) is { } current)
        {
            // Who tries again has seen what they overwrite.
            Become(current, Notice);
            throw;
        }

        await _tabs.TellChangedAsync(cancellationToken);
    }

    /// <summary>Asks the server whether this page still shows the right person.</summary>
    public async Task CheckAsync()
    {
        if (_state is not { IsCompleted: true })
        {
            return;
        }

        var before = User;
        try
        {
            var user = await _client.MeAsync();
            if (User != before)
            {
                return;
            }

            if (before is not null && before.Id != user.Id)
            {
                // Somebody else signed in beside this page: nothing of the former person's may stay on it.
                _navigation.Refresh(forceReload: true);
            }
            else if (user != before)
            {
                Become(user, SignInNotice.None);
            }
        }
        catch (KralikiException fault)
        {
            // A refusal has come as SignInLost; without an answer nobody is signed out.
            _reachability.Failed(fault);
        }
    }

    public void Dispose()
    {
        _client.SignInLost -= Lost;
        _client.TokensIssued -= Renewed;
        _tabs.SignedOut -= SignedOutElsewhere;
        _tabs.MayHaveChanged -= CheckAsync;
    }

    private async Task LeaveAsync(Func<CancellationToken, Task> leave, SignInNotice notice, CancellationToken cancellationToken)
    {
        _leaving = true;
        try
        {
            await leave(cancellationToken);
        }
        catch (KralikiException fault) when (fault.Status is System.Net.HttpStatusCode.Unauthorized)
        {
            // The server no longer knows the session: signed out is what was wanted.
        }
        finally
        {
            _leaving = false;
        }

        await _tabs.TellSignedOutAsync(cancellationToken);
        Become(null, notice);
    }

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
        // The first question of a fresh visitor also ends here; only a known user loses something. And whoever signs out
        // is told so by their own live sockets, often before the answer is there.
        if (User is not null && !_leaving)
        {
            Become(null, SignInNotice.Ended);
            _ = _tabs.ForgetAsync();
        }
    }

    private void SignedOutElsewhere()
    {
        if (User is not null)
        {
            Become(null, SignInNotice.SignedOutInAnotherTab);
        }
    }

    /// <summary>New tokens may bring a new role or name.</summary>
    private void Renewed(LoginResponse answer)
    {
        if (User is { } user && user.Id == answer.User.Id && user != answer.User)
        {
            Become(answer.User, Notice);
        }
    }

    private void Become(UserView? user, SignInNotice notice)
    {
        User = user;
        Notice = notice;
        _state = Task.FromResult(StateOf(user));
        NotifyAuthenticationStateChanged(_state);
    }

    private static AuthenticationState StateOf(UserView? user) => user is null
        ? Nobody
        : new(new ClaimsPrincipal(new ClaimsIdentity(
            [new(ClaimTypes.Name, user.Name), new(ClaimTypes.Email, user.Email), new(ClaimTypes.Role, user.Role.ToString()), .. RolePermissions.Of(user.Role).Select(permission => new Claim(Rights.Claim, permission))],
            authenticationType: "cookie")));
}
