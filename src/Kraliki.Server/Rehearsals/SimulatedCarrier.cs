using Kraliki.Server.Telephony;
using Kraliki.Simulators;
using Kraliki.Simulators.Twilio;

namespace Kraliki.Server.Rehearsals;

/// <summary>The Twilio of practice calls: a carrier of our own on loopback, started when the first call needs it. Safe from any thread.</summary>
/// <remarks>It has its own account, made up at start, so that rehearsals work beside a real Twilio account.</remarks>
internal sealed class SimulatedCarrier(TwilioAccounts accounts, TimeProvider time) : IAsyncDisposable
{
    private readonly SemaphoreSlim _gate = new(1);
    private TwilioSimulator? _simulator;

    public async Task<TwilioSimulator> StartedAsync(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            if (_simulator is null)
            {
                _simulator = await TwilioSimulator.StartAsync(
                    new TwilioSimulatorOptions { Host = new SimulatorHostOptions { TimeProvider = time }, AcceptAnyCertificate = true }, cancellationToken);
                accounts.Add(new(_simulator.AccountSid, _simulator.AuthToken, _simulator.BaseUrl));
            }

            return _simulator;
        }
        finally
        {
            _gate.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_simulator is not null)
        {
            await _simulator.DisposeAsync();
        }

        _gate.Dispose();
    }
}
