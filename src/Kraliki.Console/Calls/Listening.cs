using Kraliki.Client;
using Microsoft.JSInterop;

namespace Kraliki.OperatorConsole.Calls;

public enum ListeningState
{
    Off,
    Connecting,
    On,

    /// <summary>The connection broke; a new one is being made.</summary>
    Lost,

    /// <summary>The browser wants a gesture first.</summary>
    Blocked,
    Failed,
}

/// <summary>
/// Hearing a call in this browser. The audio has a socket of its own that lives in a JavaScript worker (<c>listen.js</c>);
/// .NET sees state and levels only.
/// </summary>
public sealed class Listening(KralikiClient client, IJSRuntime js, TimeProvider time) : IAsyncDisposable
{
    private readonly CancellationTokenSource _disposed = new();
    private IJSObjectReference? _module;
    private DotNetObjectReference<Listening>? _self;
    private OpenCall? _call;
    private int _losses;

    public ListeningState State { get; private set; }

    /// <summary>Peaks of the last moment, 0–1; finer than the server's meters.</summary>
    public (double Caller, double Ai) Levels { get; private set; }

    public bool Wanted => State is ListeningState.Connecting or ListeningState.On or ListeningState.Lost;

    public event Action? Changed;

    /// <exception cref="KralikiException">No ticket: the server refused, or could not be reached.</exception>
    public async Task StartAsync(OpenCall call)
    {
        _call = call;
        _losses = 0;
        Become(ListeningState.Connecting);
        try
        {
            await ConnectAsync(call);
        }
        catch (KralikiException)
        {
            Become(ListeningState.Failed);
            throw;
        }
    }

    public async Task StopAsync()
    {
        _call = null;
        if (_module is not null)
        {
            await _module.InvokeVoidAsync("stop", _disposed.Token);
        }

        Become(ListeningState.Off);
    }

    [JSInvokable]
    public async Task StateIs(string state)
    {
        switch (state)
        {
            case "listening":
                _losses = 0;
                Become(ListeningState.On);
                break;
            case "blocked":
                Become(ListeningState.Blocked);
                break;
            case "over":
                await StopAsync();
                break;
            case "lost" when _call is { IsOver: false } call:
                await ReconnectAsync(call);
                break;
            case "lost":
                await StopAsync();
                break;
            default:
                Become(ListeningState.Failed);
                break;
        }
    }

    [JSInvokable]
    public void LevelsAre(double caller, double ai)
    {
        Levels = (caller, ai);
        Changed?.Invoke();
    }

    public async ValueTask DisposeAsync()
    {
        await _disposed.CancelAsync();
        if (_module is not null)
        {
            await _module.InvokeVoidAsync("stop");
            await _module.DisposeAsync();
        }

        _self?.Dispose();
        _disposed.Dispose();
    }

    private async Task ConnectAsync(OpenCall call)
    {
        _self ??= DotNetObjectReference.Create(this);
        _module ??= await js.InvokeAsync<IJSObjectReference>("import", _disposed.Token, "./js/listen.js");
        var ticket = await client.IssueTicketAsync(call.Id, _disposed.Token);

        // Nothing of the journal is wanted here: resuming after the newest event known keeps the replay short.
        await _module.InvokeVoidAsync("start", _disposed.Token, call.Session!.SocketUrl, ticket.Ticket, call.Story.LastSeq, _self);
    }

    private async Task ReconnectAsync(OpenCall call)
    {
        Become(ListeningState.Lost);
        while (_call == call && !call.IsOver)
        {
            _losses++;
            try
            {
                await Task.Delay(Backoff.Default.Delay(_losses, Random.Shared.NextDouble()), time, _disposed.Token);
                if (_call == call && !call.IsOver)
                {
                    await ConnectAsync(call);
                }

                return;
            }
            catch (KralikiException fault) when (fault.IsUnreachable)
            {
                // The next round tries again, later.
            }
            catch (KralikiException)
            {
                break;
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }

        await StopAsync();
    }

    private void Become(ListeningState state)
    {
        State = state;
        if (state != ListeningState.On)
        {
            Levels = default;
        }

        Changed?.Invoke();
    }
}
