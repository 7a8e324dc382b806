using System.Globalization;
using System.Runtime.CompilerServices;
using Kraliki.Simulators.Callers;
using Kraliki.Simulators.Faults;

namespace Kraliki.Simulators.Twilio;

/// <summary>One call: the carrier that carries out TwiML, and the person at the telephone who plays a script.</summary>
/// <remarks>
/// 1 ask the application for TwiML · 2 answer: the caller's telephone starts its 20 ms beat · 3 carry out verb after verb; a
/// stream, a pause or a spoken text can be cut short by the caller, by REST, or by the end · 4 end: status callback, report.
/// One gate per call protects everything that beat, socket and REST touch. Safe from any thread.
/// </remarks>
public sealed partial class SimulatedCall
{
    private readonly CallPlan _plan;
    private readonly CarrierParts _parts;
    private readonly Lock _gate = new();
    private readonly ScriptedCaller _caller;
    private readonly ConversationLog _log = new();
    private readonly List<CallProgress> _progress = [];
    private readonly List<ClearSeen> _clears = [];
    private readonly List<MarkSeen> _marks = [];
    private readonly List<MediaStream> _streams = [];
    private readonly List<Interruption> _interruptions = [];
    private readonly List<string> _twiml = [];
    private readonly List<string> _violations = [];
    private readonly List<string> _errors = [];
    private readonly List<byte[]> _heard = [];
    private readonly byte[] _hearing = new byte[Mulaw.FrameSize];
    private readonly byte[] _saying = new byte[Mulaw.FrameSize];
    private readonly CancellationTokenSource _over = new();
    private readonly TaskCompletionSource<SimulatedCallReport> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _news = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private CancellationTokenSource? _verb;
    private TwimlSource? _redirect;
    private MediaStream? _stream;
    private PlaybackBuffer? _announcement;
    private string _digits = "";
    private long _answeredAt;
    private CallEnd? _end;

    internal SimulatedCall(CallPlan plan, CarrierParts parts, IReadOnlyDictionary<ScriptStep, short[]> sounds)
    {
        _plan = plan;
        _parts = parts;
        CreatedAt = parts.Time.GetUtcNow();
        Status = plan.Direction == "inbound" ? "ringing" : "queued";
        _caller = new ScriptedCaller(plan.Script, sounds, _log, (kind, text) => Tell(Name(kind), text));
    }

    public string Sid => _plan.CallSid;

    public CallerScript Script => _plan.Script;

    public string From => _plan.From;

    public string To => _plan.To;

    public string Direction => _plan.Direction;

    /// <summary>Twilio's call status.</summary>
    public string Status { get; private set; }

    public DateTimeOffset CreatedAt { get; }

    public DateTimeOffset? AnsweredOn { get; private set; }

    /// <summary>Ends when the call is over and the application has been told.</summary>
    public Task<SimulatedCallReport> Completion => _completion.Task;

    /// <summary>Milliseconds since the call was answered; 0 before.</summary>
    internal long NowMs => _answeredAt == 0 ? 0 : (long)_parts.Time.GetElapsedTime(_answeredAt).TotalMilliseconds;

    /// <summary>Seconds from answer to now or to the end.</summary>
    public double Seconds => (_end?.AtMs ?? NowMs) / 1000.0;

    /// <summary>The report as it stands.</summary>
    public SimulatedCallReport Report()
    {
        lock (_gate)
        {
            return new SimulatedCallReport(
                Sid, From, To, Direction, Script.Name, Status, CreatedAt, [.. _log.Lines], [.. _caller.Ear.Windows], [.. _log.Expectations],
                [.. _clears], [.. _marks], _digits, [.. _streams.Select(stream => stream.Seen)],
                [.. _interruptions.Where(interruption => interruption.By == "lost" || interruption.StreamMs is not null)], [.. _twiml], [.. _violations], [.. _errors], Seconds, _end);
        }
    }

    /// <summary>What the caller heard since the call was answered, μ-law at 8 kHz; empty unless the call records.</summary>
    public byte[] Heard()
    {
        lock (_gate)
            return [.. _heard.SelectMany(frame => frame)];
    }

    /// <summary>Everything that happened so far and goes on happening, until the call is over.</summary>
    public async IAsyncEnumerable<CallProgress> ProgressAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var read = 0; ;)
        {
            CallProgress[] fresh;
            Task news;
            lock (_gate)
            {
                fresh = [.. _progress.Skip(read)];
                news = _news.Task;
            }
            foreach (var happened in fresh)
                yield return happened;
            read += fresh.Length;
            if (fresh is [.., { Kind: "ended" }])
                yield break;
            await news.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Ends the call; the first to do so is who ended it.</summary>
    /// <param name="how">As in <see cref="CallEnd.How"/>.</param>
    public void HangUp(CallEnder by = CallEnder.Caller, string how = "hang_up")
    {
        lock (_gate)
        {
            if (_end is not null)
                return;
            _end = new CallEnd(by, how, NowMs);
        }
        // Outside the gate: what waits on this token closes sockets under the gate.
        _ = _over.CancelAsync();
    }

    /// <summary>Presses keys on the caller's telephone.</summary>
    /// <returns>False when no stream is open to carry them.</returns>
    public bool SendDigits(string digits)
    {
        ArgumentNullException.ThrowIfNull(digits);
        lock (_gate)
            return digits.All(Press);
    }

    /// <summary>REST: leave the running verb and go on with other TwiML.</summary>
    internal void Redirect(TwimlSource source)
    {
        lock (_gate)
        {
            _redirect = source;
            _ = _verb?.CancelAsync();
        }
    }

    internal void Locked(Action action)
    {
        lock (_gate)
            action();
    }

    internal void MarkReturned(MarkSeen mark)
    {
        _marks.Add(mark);
        Tell("mark", mark.Name);
    }

    internal void Cleared(ClearSeen clear)
    {
        _clears.Add(clear);
        _log.Cleared(clear.AtMs);
        Tell("cleared", $"{clear.DiscardedMs} ms");
    }

    internal void AnswerArrived() => _log.AnswerArrived(NowMs);

    internal void Violated(string why)
    {
        _violations.Add(why);
        Tell("violation", why);
    }

    internal void Faulted(Fault fault) => Tell("fault", Name(fault.Kind));

    /// <summary>One beat of the clock: the caller's telephone plays 20 ms and picks up 20 ms.</summary>
    private void Beat()
    {
        lock (_gate)
        {
            if (_end is null)
                Play();
        }
    }

    private void Play()
    {
        if (_stream is not null)
            _stream.Play(_hearing);
        else if (_announcement is not null)
            _announcement.Play(_hearing);
        else
            _hearing.AsSpan().Fill(Mulaw.Silence);
        if (_plan.Record)
            _heard.Add([.. _hearing]);
        var act = _caller.Frame(NowMs, _hearing, _saying);
        if (_stream is not null && _interruptions is [.., { AgentMs: null } open] && Mulaw.IsAudible(_hearing))
            _interruptions[^1] = open with { AgentMs = NowMs };
        if (act.Digit is { } digit)
            Press(digit);
        _stream?.SendCaller(_saying);
        if (act.HangUp)
            HangUp();
    }

    private bool Press(char digit)
    {
        if (_stream?.SendDigit(digit) != true)
            return false;
        _digits += digit;
        return true;
    }

    private void Tell(string kind, string text)
    {
        TaskCompletionSource news;
        lock (_gate)
        {
            _progress.Add(new CallProgress(NowMs, kind, text));
            news = _news;
            _news = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        news.SetResult();
    }

    /// <summary>The caller is without a stream from now on.</summary>
    private void Interrupted(StreamSeen stream)
    {
        lock (_gate)
            _interruptions.Add(new Interruption(stream.ClosedMs ?? NowMs, stream.ClosedBy ?? "lost", null, null));
    }

    private void Fail(string error)
    {
        lock (_gate)
            _errors.Add(error);
        Tell("error", error);
    }

    private static string Name<T>(T value)
        where T : struct, Enum => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    private string Now() => _parts.Time.GetUtcNow().ToString("r", CultureInfo.InvariantCulture);
}

/// <summary>What a call is to be.</summary>
/// <param name="StatusEvents">Events that the application asked to hear of: initiated, ringing, answered, completed.</param>
internal sealed record CallPlan(
    string CallSid,
    string From,
    string To,
    string Direction,
    CallerScript Script,
    TwimlSource First,
    string? FallbackUrl,
    string? StatusUrl,
    IReadOnlyList<string> StatusEvents,
    bool Record,
    IReadOnlyDictionary<string, string> Fields,
    LostStream? LostStream);

/// <summary>What all calls of a simulator share.</summary>
internal sealed record CarrierParts(
    TwilioSimulatorOptions Options, WebhookSender Webhooks, FrameClock Clock, FaultKit Faults, SpokenLines Lines, Func<LostStream> LostStream, CancellationToken Stopping)
{
    public TimeProvider Time => Options.Host.TimeProvider;
}

/// <summary>Where TwiML comes from: an address to ask, or a document given by REST.</summary>
internal sealed record TwimlSource(string? Url, string? Document);
