using System.Collections.Concurrent;
using Kraliki.Simulators.Callers;
using Kraliki.Simulators.Faults;

namespace Kraliki.Simulators.Twilio;

/// <summary>A carrier that speaks Twilio's protocols, and the people who call through it.</summary>
/// <remarks>
/// The application uses <see cref="BaseUrl"/> as it would https://api.twilio.com. The simulator itself sends the webhooks, opens
/// the media sockets, carries out TwiML and plays caller scripts. Safe from any thread.
/// </remarks>
public sealed class TwilioSimulator : IAsyncDisposable
{
    // Finished calls kept for reports; the oldest go first. A report is a few kB unless the call records.
    private const int MostFinished = 500;

    private readonly ConcurrentDictionary<string, SimulatedCall> _calls = new();
    private readonly ConcurrentQueue<string> _finished = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly CarrierParts _parts;
    private SimulatorHost? _host;

    private TwilioSimulator(TwilioSimulatorOptions options)
    {
        Options = options;
        LostStream = options.LostStream;
        var time = options.Host.TimeProvider;
        Faults = new FaultKit(time);
        _parts = new CarrierParts(
            options,
            new WebhookSender(options.AuthToken, options.AcceptAnyCertificate, time, options.WebhookRetryPause),
            new FrameClock(time),
            Faults,
            new SpokenLines(options.Speak),
            () => LostStream,
            _stopping.Token);
    }

    /// <summary>Stands for https://api.twilio.com; also carries the control API under <c>/_control</c>.</summary>
    public Uri BaseUrl => _host!.BaseUrl;

    public string AccountSid => Options.AccountSid;

    public string AuthToken => Options.AuthToken;

    public FaultKit Faults { get; }

    /// <summary>What becomes of calls whose media stream breaks from now on, unless they were placed with something else.</summary>
    public LostStream LostStream { get; set; }

    /// <summary>Live calls and the last finished ones, oldest first.</summary>
    public IReadOnlyList<SimulatedCall> Calls => [.. _calls.Values.OrderBy(call => call.CreatedAt)];

    internal TwilioSimulatorOptions Options { get; }

    public static async Task<TwilioSimulator> StartAsync(TwilioSimulatorOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        var simulator = new TwilioSimulator(options);
        simulator._host = await SimulatorHost.StartAsync(options.Host, app =>
        {
            app.MapTwilioRest(simulator);
            app.MapTwilioControl(simulator);
            app.MapFaults(simulator.Faults);
        }, cancellationToken).ConfigureAwait(false);
        return simulator;
    }

    /// <summary>From the command line: <c>twilio [--port N] [--tls] [--account-sid AC…] [--auth-token …] [--accept-any-certificate] [--lost-stream go_on|wait|end[:milliseconds]] [--webhook-retry-pause milliseconds]</c>.</summary>
    public static async Task<RunningSimulator> StartAsync(SimulatorArguments arguments, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        var options = new TwilioSimulatorOptions
        {
            Host = arguments.Host("twilio"),
            AcceptAnyCertificate = arguments.Has("accept-any-certificate"),
            LostStream = ReadLostStream(arguments.Text("lost-stream")),
            WebhookRetryPause = TimeSpan.FromMilliseconds(arguments.Number("webhook-retry-pause") ?? 0),
        };
        var simulator = await StartAsync(
            options with
            {
                AccountSid = arguments.Text("account-sid") ?? options.AccountSid,
                AuthToken = arguments.Text("auth-token") ?? options.AuthToken,
            },
            cancellationToken).ConfigureAwait(false);
        return new RunningSimulator(simulator, new { Simulator = "twilio", simulator.BaseUrl, simulator.AccountSid, simulator.AuthToken });
    }

    /// <summary>A person dials a number of the application. Returns when the telephone rings.</summary>
    /// <exception cref="LocalSpeech.SpeechPartsMissingException">Nobody can speak on this machine; the message has the remedy.</exception>
    public async Task<SimulatedCall> PlaceCallAsync(InboundCall call, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(call);
        var script = call.Script ?? CallerScripts.Default;
        return await StartAsync(
            new CallPlan(
                SimulatedCall.Identifier("CA"), call.From ?? script.From, call.To, "inbound", script, new TwimlSource(call.VoiceUrl, null), call.FallbackUrl,
                call.StatusUrl, ["completed"], call.Record, call.Fields ?? new Dictionary<string, string>(), call.LostStream),
            cancellationToken).ConfigureAwait(false);
    }

    public SimulatedCall? Find(string callSid) => _calls.GetValueOrDefault(callSid);

    /// <summary>Ends all calls as a carrier that goes down would, and stops listening.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        foreach (var call in _calls.Values)
            call.HangUp(CallEnder.Carrier, "stopped");
        await Task.WhenAll(_calls.Values.Select(call => call.Completion)).ConfigureAwait(false);
        _parts.Clock.Dispose();
        _parts.Webhooks.Dispose();
        if (_host is not null)
            await _host.DisposeAsync().ConfigureAwait(false);
        _stopping.Dispose();
    }

    internal async Task<SimulatedCall> StartAsync(CallPlan plan, CancellationToken cancellationToken)
    {
        // Synthesis takes tens of milliseconds a line and must not be done on a request's or a beat's thread.
        var sounds = await Task.Run(() => _parts.Lines.Prepare(plan.Script), cancellationToken).ConfigureAwait(false);
        var call = new SimulatedCall(plan, _parts, sounds);
        _calls[call.Sid] = call;
        _ = RunAsync(call);
        return call;
    }

    private static LostStream ReadLostStream(string? text)
    {
        try
        {
            return text is null ? new LostStream() : LostStream.Read(text);
        }
        catch (FormatException wrong)
        {
            throw new ArgumentException($"--lost-stream: {wrong.Message}");
        }
    }

    private async Task RunAsync(SimulatedCall call)
    {
        await call.RunAsync().ConfigureAwait(false);
        _finished.Enqueue(call.Sid);
        if (_finished.Count > MostFinished && _finished.TryDequeue(out var oldest))
            _calls.TryRemove(oldest, out _);
    }
}
