using Kraliki.Client;
using Microsoft.JSInterop;

namespace Kraliki.OperatorConsole.SignIn;

/// <summary>
/// The other tabs of this browser, which share the sign-in (<c>tabs.js</c>): they tell each other of sign-ins and
/// sign-outs, and one at a time renews the tokens for all, ahead of expiry or after a refusal.
/// </summary>
public sealed class Tabs : IAsyncDisposable
{
    private readonly IJSRuntime _js;
    private readonly KralikiClient _client;
    private readonly DotNetObjectReference<Tabs> _self;
    private IJSObjectReference? _module;
    private Task<bool>? _renewal;
    private Func<Task<bool>>? _turn;
    private int _tokenSeconds;

    public Tabs(IJSRuntime js, KralikiClient client)
    {
        _js = js;
        _client = client;
        _self = DotNetObjectReference.Create(this);
        client.TokensIssued += answer => _tokenSeconds = answer.ExpiresIn;
        client.RenewalGuard = RenewAloneAsync;
    }

    /// <summary>Another tab signed out.</summary>
    public event Action? SignedOut;

    /// <summary>Another tab signed in, renewed or changed something, or this one came to view: ask who it is.</summary>
    public event Func<Task>? MayHaveChanged;

    public async Task StartAsync()
    {
        _module = await _js.InvokeAsync<IJSObjectReference>("import", "./js/tabs.js");
        await _module.InvokeVoidAsync("start", _self);
    }

    /// <summary>This tab has signed somebody in.</summary>
    public Task TellSignedInAsync(CancellationToken cancellationToken) => CallAsync("renewed", cancellationToken, _tokenSeconds);

    /// <summary>This tab has changed the profile.</summary>
    public Task TellChangedAsync(CancellationToken cancellationToken) => CallAsync("changed", cancellationToken);

    /// <summary>This tab has signed out.</summary>
    public Task TellSignedOutAsync(CancellationToken cancellationToken) => CallAsync("signedOut", cancellationToken);

    /// <summary>The server ended the sign-in: nothing is left to renew. The others find out themselves.</summary>
    public Task ForgetAsync() => CallAsync("forget", CancellationToken.None);

    [JSInvokable]
    public async Task HeardAsync(string message)
    {
        if (message == "auth_logout")
        {
            SignedOut?.Invoke();
        }
        else
        {
            await LookedAtAsync();
        }
    }

    [JSInvokable]
    public Task LookedAtAsync() => MayHaveChanged?.Invoke() ?? Task.CompletedTask;

    /// <returns>False when the server could not be asked: try again later.</returns>
    [JSInvokable]
    public async Task<bool> RenewAsync()
    {
        try
        {
            await _client.RenewAsync();
            return true;
        }
        catch (KralikiException)
        {
            return false;
        }
    }

    /// <returns>How long the new tokens last, in seconds; 0 when there are none.</returns>
    [JSInvokable]
    public async Task<int> TakeTurnAsync()
    {
        _renewal = _turn!();

        // Its exception belongs to whoever wanted the renewal; on the way through JavaScript it would lose its type.
        await ((Task)_renewal).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return _renewal.IsCompletedSuccessfully && await _renewal ? _tokenSeconds : 0;
    }

    public async ValueTask DisposeAsync()
    {
        _client.RenewalGuard = null;
        if (_module is not null)
        {
            await _module.DisposeAsync();
        }

        _self.Dispose();
    }

    /// <remarks>Whoever wants it may go away, the renewal runs to its end: others wait in line behind it.</remarks>
    private async Task<bool> RenewAloneAsync(DateTimeOffset usedAt, Func<CancellationToken, Task<bool>> renew, CancellationToken cancellationToken)
    {
        if (_module is null)
        {
            return await renew(cancellationToken);
        }

        _turn = () => renew(CancellationToken.None);
        return await _module.InvokeAsync<bool>("alone", CancellationToken.None, usedAt.ToUnixTimeMilliseconds()) || await _renewal!;
    }

    private Task CallAsync(string function, CancellationToken cancellationToken, params object?[] arguments) =>
        _module?.InvokeVoidAsync(function, cancellationToken, arguments).AsTask() ?? Task.CompletedTask;
}
