using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.LocalSpeech;
using Kraliki.Server.Providers;
using Kraliki.Simulators.Twilio;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Kraliki.Server.Rehearsals.Matrix;

/// <summary>A server with vendors of its own, on which the calls of the matrix are run one after the other.</summary>
/// <remarks>
/// (1) Whatever the call before has left behind is put right, (2) the practice call is started by the API that everybody has,
/// (3) at its moment the fault strikes or the switch is asked for, (4) the report and the journal are judged.
/// </remarks>
internal sealed class MatrixStage : IAsyncDisposable
{
    private const int EventsPerPage = 200;

    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(200);

    // Into the line: the provider has noticed that the caller speaks.
    private static readonly TimeSpan IntoLine = TimeSpan.FromMilliseconds(600);

    // Into the answer: there is something to cut into.
    private static readonly TimeSpan IntoAnswer = TimeSpan.FromMilliseconds(400);

    private readonly SimulatedVendors _vendors;
    private readonly RehearsalServer _server;
    private readonly TimeProvider _time;

    private MatrixStage(SimulatedVendors vendors, RehearsalServer server) =>
        (_vendors, _server, _time) = (vendors, server, server.Services.GetRequiredService<TimeProvider>());

    /// <param name="recognizers">Shared by all stages: each decoder takes 158 MB.</param>
    /// <param name="settings">What the server is to be told besides.</param>
    public static async Task<MatrixStage> StartAsync(RecognizerPool recognizers, IReadOnlyList<string> settings, CancellationToken cancellationToken)
    {
        var vendors = await SimulatedVendors.StartAsync(recognizers, cancellationToken);
        try
        {
            var server = await RehearsalServer.StartAsync(
                [.. vendors.Settings, .. settings],
                services => services.Replace(ServiceDescriptor.Singleton(recognizers)),
                services => services.GetRequiredService<VoiceProviders>().Wrap("local", vendors.MakeBreakable),
                cancellationToken);
            return new(vendors, server);
        }
        catch
        {
            await vendors.DisposeAsync();
            throw;
        }
    }

    public CancellationToken Stopping => _server.Stopping;

    public async Task<CellResult> RunAsync(MatrixCell cell, double? peaceErrorRate, CancellationToken cancellationToken)
    {
        long began = _time.GetTimestamp();
        try
        {
            return await RunAsync(cell, peaceErrorRate, began, cancellationToken);
        }
        catch (KralikiException refusal)
        {
            return CellResult.Broken(cell, refusal.Message, Math.Round(_time.GetElapsedTime(began).TotalSeconds, 1));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _vendors.DisposeAsync();
    }

    private async Task<CellResult> RunAsync(MatrixCell cell, double? peaceErrorRate, long began, CancellationToken cancellationToken)
    {
        using var http = await _server.SignInAsync(cancellationToken);
        using var api = new KralikiClient(http);
        await ComeToPeaceAsync(api, cancellationToken);
        int struck = _vendors.Happened;
        if (cell is { Moment: CellMoment.BeforeCall, Fault: { } early })
        {
            early.Arm(_vendors);
        }

        var carrier = await _server.Services.GetRequiredService<SimulatedCarrier>().StartedAsync(cancellationToken);
        var earlier = carrier.Calls.Select(call => call.Sid).ToHashSet();
        _server.Services.GetRequiredService<RehearsalScripts>().Add(cell.Script);
        var rehearsal = await api.StartRehearsalAsync(new StartRehearsal(cell.Script.Name, cell.Provider), cancellationToken);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var acting = ActAsync(cell, carrier, earlier, rehearsal.Id, api, over.Token);
        while (rehearsal.Status is RehearsalStatus.Queued or RehearsalStatus.Running)
        {
            await Task.Delay(Poll, _time, cancellationToken);
            rehearsal = await api.GetRehearsalAsync(rehearsal.Id, cancellationToken);
        }

        await over.CancelAsync();
        var refusal = await acting;
        var journal = rehearsal.SessionId is { } session ? await JournalAsync(api, session, cancellationToken) : [];
        return CellJudge.Judge(new(cell, rehearsal, journal, _vendors.Happened - struck, refusal, peaceErrorRate, _time.GetElapsedTime(began).TotalSeconds));
    }

    /// <summary>(1)</summary>
    private async Task ComeToPeaceAsync(KralikiClient api, CancellationToken cancellationToken)
    {
        _vendors.Clear();
        foreach (var provider in (await api.GetProvidersHealthAsync(cancellationToken)).Providers.Where(health => health.State != BreakerState.Closed || health.Failures > 0))
        {
            await api.ResetBreakerAsync(provider.Provider, cancellationToken);
        }
    }

    /// <summary>(3)</summary>
    /// <returns>Why the server would not do it; null when it did, or when there was nothing to do.</returns>
    private async Task<string?> ActAsync(MatrixCell cell, TwilioSimulator carrier, HashSet<string> earlier, Guid rehearsal, KralikiClient api, CancellationToken cancellationToken)
    {
        if (cell.Moment == CellMoment.BeforeCall)
        {
            return null;
        }

        try
        {
            SimulatedCall? call = null;
            while ((call = carrier.Calls.FirstOrDefault(one => !earlier.Contains(one.Sid))) is null)
            {
                await Task.Delay(Poll, _time, cancellationToken);
            }

            await UntilAsync(cell, call, cancellationToken);
            cell.Fault?.Arm(_vendors);
            if (cell.Switch is { } wanted && (await api.GetRehearsalAsync(rehearsal, cancellationToken)).SessionId is { } session)
            {
                await api.SwitchProviderAsync(session, new SwitchSessionProvider(wanted.Target, "A rehearsal of switching.", wanted.AtOnce), cancellationToken);
            }

            return null;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return "The call was over before its moment came.";
        }
        catch (KralikiException refusal)
        {
            return refusal.Message;
        }
    }

    private async Task UntilAsync(MatrixCell cell, SimulatedCall call, CancellationToken cancellationToken)
    {
        bool said = false;
        await foreach (var happened in call.ProgressAsync(cancellationToken))
        {
            said |= happened.Kind == "line_ended";
            switch (cell.Moment, happened.Kind)
            {
                case (_, "agent_stopped") when cell.Script.Lines == 0:
                case (CellMoment.AfterFirstLine, "line_ended"):
                    return;
                case (CellMoment.InFirstLine, "line_started"):
                    await Task.Delay(IntoLine, _time, cancellationToken);
                    return;
                case (CellMoment.InAnswer, "agent_started") when said:
                    await Task.Delay(IntoAnswer, _time, cancellationToken);
                    return;
            }
        }
    }

    /// <summary>(4)</summary>
    private static async Task<IReadOnlyList<SessionEvent>> JournalAsync(KralikiClient api, Guid session, CancellationToken cancellationToken)
    {
        List<SessionEvent> all = [];
        while (true)
        {
            var page = await api.GetEventsAsync(session, all.Count == 0 ? 0 : all[^1].Seq, EventsPerPage, cancellationToken);
            all.AddRange(page.Items);
            if (!page.More)
            {
                return all;
            }
        }
    }
}
