using System.Globalization;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Sessions;
using Kraliki.Server.Telephony;
using Kraliki.Server.Tests.Sessions;
using Kraliki.Simulators.Callers;
using Kraliki.Simulators.Faults;
using Kraliki.Simulators.Twilio;
using Microsoft.Extensions.DependencyInjection;

namespace Kraliki.Server.Tests.Telephony;

/// <summary>The real server between a simulated Twilio, with its REST API and its own ideas of what a lost stream means, and a <see cref="ScriptedOpenAI"/>.</summary>
internal sealed class CarrierServer : IAsyncDisposable
{
    // Asks something, waits for the answer, and so on until somebody ends the call.
    private const string Asks = "name: asks\ntitle: asks\nsteps:\n- say: A question.\n- say: Another one.\n- repeat: true";

    // Says one thing and is silent then: what is heard after it, the agent says by itself.
    private const string Listens = "name: listens\ntitle: listens\nsteps:\n- say: A question.\n- wait: 120s";

    private CarrierServer(ScriptedOpenAI openAI, TwilioSimulator twilio, SessionServer sessions)
    {
        OpenAI = openAI;
        Twilio = twilio;
        Sessions = sessions;
    }

    public ScriptedOpenAI OpenAI { get; }

    public TwilioSimulator Twilio { get; }

    public SessionServer Sessions { get; }

    public static Task<TwilioSimulator> StartTwilioAsync(string lostStream, CancellationToken cancellationToken, TimeSpan retryPause = default) => TwilioSimulator.StartAsync(
        new TwilioSimulatorOptions { LostStream = LostStream.Read(lostStream), Speak = (_, _) => TestTone.Pcm(400), WebhookRetryPause = retryPause }, cancellationToken);

    public static IReadOnlyDictionary<string, string> Settings(TwilioSimulator twilio, ScriptedOpenAI openAI, Uri? api = null) => new Dictionary<string, string>(openAI.Settings())
    {
        ["Kraliki:Carriers:Twilio:AccountSid"] = twilio.AccountSid,
        ["Kraliki:Carriers:Twilio:AuthToken"] = twilio.AuthToken,
        ["Kraliki:Carriers:Twilio:BaseUrl"] = (api ?? twilio.BaseUrl).AbsoluteUri,
    };

    /// <param name="api">Where the server believes the REST API to be; null is the simulator's own.</param>
    public static async Task<CarrierServer> StartAsync(string lostStream, CancellationToken cancellationToken, TimeSpan? grace = null, Uri? api = null, Action<IServiceCollection>? change = null)
    {
        var openAI = await ScriptedOpenAI.StartAsync(cancellationToken);
        var twilio = await StartTwilioAsync(lostStream, cancellationToken);
        var limits = new SessionLimits { SweepInterval = TimeSpan.FromMilliseconds(500) };
        limits.RecoveryGrace = grace ?? limits.RecoveryGrace;
        return new(openAI, twilio, await SessionServer.StartAsync(cancellationToken, limits: limits, settings: Settings(twilio, openAI, api), change: change));
    }

    public async ValueTask DisposeAsync()
    {
        await Twilio.DisposeAsync();
        await Sessions.DisposeAsync();
        await OpenAI.DisposeAsync();
    }

    /// <summary>A person calls and talks with the assistant.</summary>
    public async Task<(SimulatedCall Call, Guid Session)> TalkAsync(CancellationToken cancellationToken, bool status = true, bool silent = false)
    {
        var call = await PlaceAsync(Twilio, Sessions.Url, cancellationToken, status, silent);
        await UntilAsync(call, report => report.Agent.Count >= 1 && report.Lines is [{ FirstAnswerMs: not null }, ..], "the assistant did not answer", cancellationToken);
        var known = await CarrierCall.FindAsync(Sessions.Get<KralikiDbFactory>(), call.Sid, cancellationToken);
        return (call, known!.SessionId);
    }

    public static Task<SimulatedCall> PlaceAsync(TwilioSimulator twilio, Uri server, CancellationToken cancellationToken, bool status = true, bool silent = false) => twilio.PlaceCallAsync(
        new InboundCall(
            $"{server}telephony/twilio/voice",
            "+12025550100",
            CallerScriptReader.Read(silent ? Listens : Asks, "test"),
            StatusUrl: status ? $"{server}telephony/twilio/status" : null),
        cancellationToken);

    /// <summary>The connection of the call's stream is cut, without a word to anybody.</summary>
    public void Cut(SimulatedCall call) => Twilio.Faults.Arm(new Fault(FaultKind.Drop, Connection: call.Sid));

    /// <summary>The caller hears the assistant again, after so many interruptions in all, or more: a redirect that a busy machine sends late stops the stream that the carrier has opened meanwhile.</summary>
    public static Task<SimulatedCallReport> BackAsync(SimulatedCall call, CancellationToken cancellationToken, int interruptions = 1) => UntilAsync(
        call,
        report => report.Interruptions.Count >= interruptions && report.Interruptions[^1].AgentMs is not null,
        "the caller did not hear the assistant again",
        cancellationToken);

    public static async Task<SimulatedCallReport> UntilAsync(SimulatedCall call, Func<SimulatedCallReport, bool> wanted, string otherwise, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(SessionServer.Patience * 2);
        try
        {
            await foreach (var happened in call.ProgressAsync(limit.Token))
            {
                if (call.Report() is var report && wanted(report))
                {
                    return report;
                }
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
        }

        throw new TimeoutException(string.Create(CultureInfo.InvariantCulture, $"{otherwise}: {string.Join(" · ", call.Report().Twiml)} {string.Join(" · ", call.Report().Interruptions)} {string.Join(" · ", call.Report().Errors)}"));
    }

    public async Task<List<SessionFact>> FactsAsync(Guid session, CancellationToken cancellationToken)
    {
        var events = await Sessions.Journal.EventsAsync(session, 0, 10_000, cancellationToken);
        Assert.Equal(Enumerable.Range(1, events.Count).Select(seq => (long)seq), events.Select(happened => happened.Seq));
        return [.. events.Select(happened => happened.Data)];
    }
}
