using System.Globalization;
using Kraliki.LocalSpeech;
using Kraliki.Simulators.Callers;

namespace Kraliki.Simulators.Twilio;

/// <content>The course of a call: webhooks, TwiML, status callbacks.</content>
public sealed partial class SimulatedCall
{
    // A reply with neither verbs nor an end to its redirects would keep a call for ever. A stream that lasted begins the count anew.
    private const int MostDocuments = 100;
    private const long LastingMs = 1000;

    private int _documents;
    private int _statusSequence;
    private IDisposable? _beat;

    internal async Task RunAsync()
    {
        try
        {
            await RingAsync().ConfigureAwait(false);
            if (_plan.Direction != "inbound" && _end is null)
                await AnswerAsync().ConfigureAwait(false);
            await CarryOutAsync(_plan.First).ConfigureAwait(false);
        }
        // The edge of a call: a bug in the simulator must show in the report of the call that met it.
        catch (Exception bug)
        {
            Fail($"Bug in the simulator: {bug}");
            HangUp(CallEnder.Carrier, "bug");
        }
        finally
        {
            _beat?.Dispose();
            await EndAsync().ConfigureAwait(false);
        }
    }

    private async Task RingAsync()
    {
        Tell("ringing", To);
        if (_plan.Direction == "inbound")
            return;
        await SendStatusAsync("initiated", "initiated").ConfigureAwait(false);
        Status = "ringing";
        await SendStatusAsync("ringing", "ringing").ConfigureAwait(false);
        await WaitAsync(_parts.Options.RingTime, _over.Token).ConfigureAwait(false);
    }

    private async Task AnswerAsync()
    {
        lock (_gate)
        {
            Status = "in-progress";
            _answeredAt = _parts.Time.GetTimestamp();
            AnsweredOn = _parts.Time.GetUtcNow();
        }
        Tell("answered", From);
        _beat = _parts.Clock.Subscribe(Beat);
        if (_plan.Direction != "inbound")
            await SendStatusAsync("answered", "in-progress").ConfigureAwait(false);
    }

    private async Task CarryOutAsync(TwimlSource first)
    {
        var source = first;
        while (source is not null && _end is null)
        {
            if (_documents++ == MostDocuments)
            {
                Fail($"{MostDocuments} TwiML documents without a stream that lasted: the call goes round in circles.");
                HangUp(CallEnder.Carrier, "twiml_refused");
                return;
            }
            var (document, baseUrl) = await FetchAsync(source).ConfigureAwait(false);
            if (document is null)
                return;
            source = null;
            for (var i = 0; i < document.Verbs.Count && source is null && _end is null; i++)
                source = await PerformAsync(document.Verbs[i], baseUrl).ConfigureAwait(false);
        }
        HangUp(CallEnder.App, "twiml_end");
    }

    /// <returns>Where the next TwiML comes from; null goes on with the next verb.</returns>
    private async Task<TwimlSource?> PerformAsync(TwimlVerb verb, string? baseUrl)
    {
        // An inbound call is answered by the first verb that needs the line.
        if (_beat is null && verb is not (TwimlVerb.Reject or TwimlVerb.Redirect))
            await AnswerAsync().ConfigureAwait(false);
        using var cut = CancellationTokenSource.CreateLinkedTokenSource(_over.Token);
        lock (_gate)
        {
            // A redirect by REST while the document was on its way.
            if (_redirect is { } redirect)
            {
                _redirect = null;
                return redirect;
            }
            _verb = cut;
        }
        Trace(Describe(verb));
        var next = await CarryOutAsync(verb, baseUrl, cut.Token).ConfigureAwait(false);
        lock (_gate)
        {
            _verb = null;
            (next, _redirect) = (_redirect ?? next, null);
            return next;
        }
    }

    private async Task<TwimlSource?> CarryOutAsync(TwimlVerb verb, string? baseUrl, CancellationToken cut)
    {
        switch (verb)
        {
            case TwimlVerb.ConnectStream connect:
                await StreamAsync(connect, baseUrl, cut).ConfigureAwait(false);
                return connect.Action is { } action && !cut.IsCancellationRequested ? Resolve(action, baseUrl) : null;
            case TwimlVerb.Say say:
                await SayAsync(say.Text, cut).ConfigureAwait(false);
                return null;
            case TwimlVerb.Pause pause:
                await WaitAsync(pause.Length, cut).ConfigureAwait(false);
                return null;
            case TwimlVerb.Redirect redirect:
                return Resolve(redirect.Url, baseUrl);
            case TwimlVerb.Reject reject:
                // What status Twilio shows for reason="rejected" is not documented; "failed" tells the two apart.
                Status = reject.Reason == "busy" ? "busy" : "failed";
                HangUp(CallEnder.App, "reject_verb");
                return null;
            default:
                HangUp(CallEnder.App, "hangup_verb");
                return null;
        }
    }

    private async Task StreamAsync(TwimlVerb.ConnectStream verb, string? baseUrl, CancellationToken cut)
    {
        var sid = Identifier("MZ");
        using var stream = new MediaStream(this, new StreamIdentity(_parts.Options.AccountSid, Sid, sid), _parts.Faults, _parts.Time);
        lock (_gate)
            _streams.Add(stream);
        // The upgrade is signed over the URL alone (twilio.com/docs: Media Streams firewall page).
        var signature = TwilioSignature.Sign(_parts.Options.AuthToken, verb.Url, []);
        var refused = await stream.OpenAsync(verb.Url, signature, _parts.Options.AcceptAnyCertificate, cut).ConfigureAwait(false);
        if (refused is not null)
        {
            // 31920: handshake error. The call goes on with what follows the stream.
            Fail($"31920: the media stream {verb.Url} could not be opened: {refused}");
            await StreamStatusAsync(verb, baseUrl, sid, "stream-error", refused).ConfigureAwait(false);
            return;
        }
        Tell("stream_started", sid);
        var told = StreamStatusAsync(verb, baseUrl, sid, "stream-started", null);
        lock (_gate)
        {
            _stream = stream;
            if (_interruptions is [.., { StreamMs: null } open])
                _interruptions[^1] = open with { StreamMs = NowMs };
        }
        var began = NowMs;
        await stream.RunAsync(verb.Parameters, cut).ConfigureAwait(false);
        lock (_gate)
            _stream = null;
        if (NowMs - began >= LastingMs)
            _documents = 0;
        if (_end is null)
            Interrupted(stream.Seen);
        Tell("stream_ended", $"{stream.Seen.ClosedBy} {stream.Seen.CloseCode}".Trim());
        await told.ConfigureAwait(false);
        await StreamStatusAsync(verb, baseUrl, sid, "stream-stopped", null).ConfigureAwait(false);
        if (stream.Lost)
            await SufferAsync(_plan.LostStream ?? _parts.LostStream(), cut).ConfigureAwait(false);
    }

    private async Task SufferAsync(LostStream lost, CancellationToken cut)
    {
        if (lost.DelayMs > 0)
            await WaitAsync(TimeSpan.FromMilliseconds(lost.DelayMs), cut).ConfigureAwait(false);
        if (lost.Then == AfterLoss.Wait)
            await WaitAsync(Timeout.InfiniteTimeSpan, cut).ConfigureAwait(false);
        else if (lost.Then == AfterLoss.End && !cut.IsCancellationRequested)
            HangUp(CallEnder.Carrier, "stream_lost");
    }

    private async Task StreamStatusAsync(TwimlVerb.ConnectStream verb, string? baseUrl, string streamSid, string happened, string? error)
    {
        if (verb.StatusCallback is not { } callback || Resolve(callback, baseUrl) is not { Url: { } url })
            return;
        List<KeyValuePair<string, string>> fields =
        [
            new("AccountSid", _parts.Options.AccountSid), new("CallSid", Sid), new("StreamSid", streamSid),
            new("StreamName", verb.Name ?? streamSid), new("StreamEvent", happened), new("Timestamp", Now()),
        ];
        if (error is not null)
            fields.Add(new("StreamError", error));
        await NotifyAsync(url, fields).ConfigureAwait(false);
    }

    private async Task SayAsync(string text, CancellationToken cut)
    {
        short[] spoken;
        try
        {
            spoken = _parts.Lines.Speak(text, "slt");
        }
        catch (SpeechPartsMissingException missing)
        {
            Fail(missing.Message);
            return;
        }
        var announcement = new PlaybackBuffer();
        announcement.Add([.. spoken.Select(sample => Mulaw.Encode(sample))]);
        lock (_gate)
            _announcement = announcement;
        await WaitAsync(TimeSpan.FromSeconds(spoken.Length / 8000.0), cut).ConfigureAwait(false);
        lock (_gate)
            _announcement = null;
    }

    /// <returns>No document when the call ended over it.</returns>
    private async Task<(TwimlDocument? Document, string? BaseUrl)> FetchAsync(TwimlSource source)
    {
        var (text, baseUrl) = (source.Document, default(string));
        if (text is null)
        {
            var answer = await AskAsync(source.Url!).ConfigureAwait(false);
            if (answer is null)
                return (null, null);
            (text, baseUrl) = (answer.Body, answer.Url);
        }
        var document = TwimlDocument.Read(text);
        if (document.Problem is null)
            return (document, baseUrl);
        Fail($"{document.ErrorCode}: {document.Problem}");
        HangUp(CallEnder.Carrier, "twiml_refused");
        return (null, null);
    }

    private async Task<WebhookAnswer?> AskAsync(string url)
    {
        var tried = url;
        for (var fallback = false; ; fallback = true)
        {
            Trace($"POST {tried.Split('#')[0]}");
            WebhookAnswer answer;
            try
            {
                answer = await _parts.Webhooks.PostAsync(tried, Fields(), _over.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return null;
            }
            // 12300: invalid Content-Type; 11200: HTTP retrieval failure.
            var problem = !answer.Succeeded ? $"11200: {tried} failed: {answer.Describe()}"
                : answer.ContentType is "text/xml" or "application/xml" or "text/html" ? null
                : $"12300: {tried} answered {answer.ContentType ?? "no content type"}, not text/xml";
            if (problem is null)
                return answer;
            Fail(problem);
            if (fallback || _plan.FallbackUrl is null)
                break;
            tried = _plan.FallbackUrl;
        }
        HangUp(CallEnder.Carrier, "webhook_failed");
        return null;
    }

    private async Task EndAsync()
    {
        // Nobody answered: an inbound call was given up by the caller, an outbound one by the application.
        if (Status is "in-progress" or "ringing" or "queued")
            Status = AnsweredOn is not null || _end!.By == CallEnder.Carrier ? "completed" : "canceled";
        await SendStatusAsync("completed", Status).ConfigureAwait(false);
        Tell("ended", $"{Name(_end!.By)} {_end.How}");
        _completion.TrySetResult(Report());
    }

    private async Task SendStatusAsync(string happened, string status)
    {
        var sequence = _statusSequence++;
        if (_plan.StatusUrl is not { } url || !_plan.StatusEvents.Contains(happened))
            return;
        var fields = Fields(status);
        fields.Add(new("Timestamp", Now()));
        fields.Add(new("CallbackSource", "call-progress-events"));
        fields.Add(new("SequenceNumber", $"{sequence}"));
        if (happened == "completed")
        {
            // Duration is in begun minutes, CallDuration in seconds.
            fields.Add(new("Duration", Math.Ceiling(Seconds / 60).ToString(CultureInfo.InvariantCulture)));
            fields.Add(new("CallDuration", Math.Round(Seconds).ToString(CultureInfo.InvariantCulture)));
        }
        Tell("status", status);
        await NotifyAsync(url, fields).ConfigureAwait(false);
    }

    private async Task NotifyAsync(string url, List<KeyValuePair<string, string>> fields)
    {
        try
        {
            var answer = await _parts.Webhooks.PostAsync(url, fields, _parts.Stopping).ConfigureAwait(false);
            // Delivery is best-effort, but a simulator should not hide that nobody listened.
            if (!answer.Succeeded)
                Fail($"Status callback {url} failed: {answer.Describe()}");
        }
        catch (OperationCanceledException)
        {
            Fail($"Status callback {url} was not delivered: the simulator stopped.");
        }
    }

    private List<KeyValuePair<string, string>> Fields(string? status = null)
    {
        List<KeyValuePair<string, string>> fields =
        [
            new("CallSid", Sid), new("AccountSid", _parts.Options.AccountSid),
            new("From", From), new("To", To), new("Caller", From), new("Called", To),
            new("CallStatus", status ?? Status), new("ApiVersion", "2010-04-01"), new("Direction", Direction),
            new("FromCity", ""), new("FromState", ""), new("FromZip", ""), new("FromCountry", "US"),
            new("ToCity", ""), new("ToState", ""), new("ToZip", ""), new("ToCountry", "US"),
        ];
        if (Direction == "inbound")
            fields.Add(new("StirVerstat", "TN-Validation-Passed-A"));
        fields.AddRange(_plan.Fields);
        return fields;
    }

    private TwimlSource? Resolve(string url, string? baseUrl)
    {
        if (Uri.TryCreate(url, UriKind.Absolute, out var absolute) && absolute.Scheme is "http" or "https")
            return new TwimlSource(url, null);
        if (baseUrl is not null && Uri.TryCreate(new Uri(baseUrl), url, out var relative))
            return new TwimlSource(relative.AbsoluteUri, null);
        Fail($"'{url}' is relative to nothing: its TwiML was given by REST.");
        return null;
    }

    private async Task WaitAsync(TimeSpan time, CancellationToken cut) =>
        await Task.Delay(time, _parts.Time, cut).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private void Trace(string what)
    {
        lock (_gate)
            _twiml.Add(what);
        Tell("twiml", what);
    }

    private static string Describe(TwimlVerb verb) => verb switch
    {
        TwimlVerb.ConnectStream connect => $"Connect Stream {connect.Url}",
        TwimlVerb.Say say => $"Say {say.Text}",
        TwimlVerb.Pause pause => $"Pause {pause.Length.TotalSeconds} s",
        TwimlVerb.Redirect redirect => $"Redirect {redirect.Url}",
        TwimlVerb.Reject reject => $"Reject {reject.Reason}",
        _ => "Hangup",
    };

    internal static string Identifier(string prefix) => prefix + Guid.NewGuid().ToString("N");
}
