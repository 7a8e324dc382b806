using System.Threading.Channels;
using Kraliki.Contracts;
using Kraliki.Server.Sessions.Calls;
using Kraliki.Voice.Calls;
using Microsoft.Extensions.DependencyInjection;

namespace Kraliki.Browser.Tests;

/// <summary>A running call on the local provider whose facts the test makes; what is asked of its media loop stays here.</summary>
internal sealed class StagedCall(Guid session, LiveCall call) : IAsyncDisposable
{
    private readonly Channel<SwitchProvider> _asked = Channel.CreateBounded<SwitchProvider>(16);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public Guid Session => session;

    public static async Task<StagedCall> OpenAsync(ConsoleFixture console, string number, decimal? costCap = null)
    {
        var api = await console.ApiAsync(Cancelled);
        var session = await api.CreateSessionAsync(new CreateSession(Provider: "local", PhoneNumber: number, CostCap: costCap), Cancelled);
        var call = await console.Server.Services.GetRequiredService<LiveCalls>().AttachAsync(session.Id, Cancelled);
        var staged = new StagedCall(session.Id, call!);
        call!.Bind(staged.Keep, _ => { });
        staged.Fact(new CarrierConnected("twilio", "CA1", "MZ1"));
        staged.Fact(new ProviderConnected("local", null, "p1", 12));
        return staged;
    }

    public void Fact(SessionFact fact) => ((ICallSink)call).Fact(fact);

    /// <summary>The next switch that was asked for.</summary>
    public async Task<SwitchProvider> AskedAsync()
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        patience.CancelAfter(TimeSpan.FromSeconds(20));
        try
        {
            return await _asked.Reader.ReadAsync(patience.Token);
        }
        catch (OperationCanceledException) when (!Cancelled.IsCancellationRequested)
        {
            throw new TimeoutException("No switch was asked of the call.");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await call.CompleteAsync(new CallOutcome(EndReason.CallerHungUp, "Test."));
        await call.DisposeAsync();
    }

    private void Keep(CallCommand command)
    {
        if (command is SwitchProvider wish)
        {
            _asked.Writer.TryWrite(wish);
        }
    }
}
