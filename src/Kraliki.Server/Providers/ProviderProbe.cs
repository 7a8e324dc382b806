using System.Buffers.Text;
using Kraliki.Contracts;
using Kraliki.Voice.Audio;
using Kraliki.Voice.Providers;

namespace Kraliki.Server.Providers;

/// <summary>One synthetic call to a provider: a real connection through the real adapter hears a question and must answer it by audio.</summary>
internal sealed class ProviderProbe : IProviderEvents
{
    /// <summary>After this it has failed.</summary>
    public static readonly TimeSpan Longest = ConnectLimit + AnswerLimit + GoodbyeLimit;

    private static TimeSpan ConnectLimit => TimeSpan.FromSeconds(10);

    // From the question's beginning; the question itself takes two seconds.
    private static TimeSpan AnswerLimit => TimeSpan.FromSeconds(12);

    private static TimeSpan GoodbyeLimit => TimeSpan.FromSeconds(2);

    private static readonly TimeSpan FrameTime = TimeSpan.FromMilliseconds(20);

    // Of full scale: a provider that answers with noise of the line has not answered.
    private const double Audible = 0.02;

    private const string Instructions =
        "This is an automatic test of the line by the operator of this telephone assistant. Answer whatever you hear with one short sentence, in English.";

    // "What are your opening hours?", spoken by flite's voice rms: G.711 μ-law, 8 kHz.
    private static readonly Lazy<byte[]> Question = new(() =>
    {
        using var resource = typeof(ProviderProbe).Assembly.GetManifestResourceStream("Kraliki.Server.Providers.probe.ulaw")!;
        var audio = new byte[resource.Length];
        resource.ReadExactly(audio);
        return audio;
    });

    private readonly TimeProvider _time;
    private readonly TaskCompletionSource _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private (ProviderFailure Failure, string Detail)? _trouble;
    private volatile bool _heard;
    private long _answeredAt;

    private ProviderProbe(TimeProvider time) => _time = time;

    /// <remarks>It never throws for what a provider does. Being cancelled is no verdict.</remarks>
    public static async Task<ProbeView> RunAsync(IVoiceProvider provider, TimeProvider time, CancellationToken cancellationToken)
    {
        var probe = new ProviderProbe(time);
        var connection = provider.Connect(new ProviderSetup(Guid.CreateVersion7(time.GetUtcNow()), Instructions, ConversationContext.Empty, []), probe);
        try
        {
            return await probe.AskAsync(provider, connection, cancellationToken);
        }
        finally
        {
            connection.Close();
            await probe._closed.Task.WaitAsync(GoodbyeLimit, time, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<ProbeView> AskAsync(IVoiceProvider provider, IProviderConnection connection, CancellationToken cancellationToken)
    {
        var began = _time.GetTimestamp();
        await UntilAsync(_connected.Task, ConnectLimit, cancellationToken);
        if (!_connected.Task.IsCompleted)
        {
            return Failed(_trouble ?? (ProviderFailure.ConnectTimeout, $"{provider.Name} was not ready within {ConnectLimit.TotalSeconds:0} seconds."));
        }

        var connectMs = (int)_time.GetElapsedTime(began).TotalMilliseconds;
        var askedAt = _time.GetTimestamp();
        using var spoken = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var speaking = SpeakAsync(connection, spoken.Token);
        try
        {
            await UntilAsync(_answered.Task, AnswerLimit, cancellationToken);
        }
        finally
        {
            await spoken.CancelAsync();
            await speaking.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (!_answered.Task.IsCompleted)
        {
            return Failed(_trouble ?? (ProviderFailure.Stalled, $"{provider.Name} gave no audible answer within {AnswerLimit.TotalSeconds:0} seconds."), connectMs);
        }

        var answerMs = (int)(_time.GetElapsedTime(askedAt, Volatile.Read(ref _answeredAt)) - TimeSpan.FromMilliseconds(Question.Value.Length / G711.BytesPerMs)).TotalMilliseconds;
        return new(_time.GetUtcNow(), true, null, "It heard a question and answered it.", connectMs, Math.Max(0, answerMs));
    }

    /// <summary>Ends with the event, with the connection, or when it has lasted too long.</summary>
    private async Task UntilAsync(Task awaited, TimeSpan limit, CancellationToken cancellationToken)
    {
        Task either = Task.WhenAny(awaited, _closed.Task);
        await either.WaitAsync(limit, _time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
    }

    /// <summary>The question and then silence, as a line brings them: at the speed of speech.</summary>
    private async Task SpeakAsync(IProviderConnection connection, CancellationToken cancellationToken)
    {
        var frame = new byte[G711.FrameBytes];
        var base64 = new byte[Base64.GetMaxEncodedToUtf8Length(frame.Length)];
        var began = _time.GetTimestamp();
        using var timer = new PeriodicTimer(FrameTime, _time);
        for (int sent = 0; await timer.WaitForNextTickAsync(cancellationToken);)
        {
            // A late tick is made up for.
            for (var due = (int)(_time.GetElapsedTime(began) / FrameTime); sent < due; sent++)
            {
                frame.AsSpan().Fill(G711.Silence);
                var start = Math.Min(sent * frame.Length, Question.Value.Length);
                Question.Value.AsSpan(start, Math.Min(frame.Length, Question.Value.Length - start)).CopyTo(frame);
                Base64.EncodeToUtf8(frame, base64, out _, out var length);
                if (!connection.SendAudio(base64.AsSpan(0, length)))
                {
                    // It takes nothing at present; the frame is offered again.
                    break;
                }
            }
        }
    }

    private ProbeView Failed((ProviderFailure Failure, string Detail) trouble, int? connectMs = null) =>
        new(_time.GetUtcNow(), false, trouble.Failure, trouble.Detail, connectMs, null);

    void IProviderEvents.Connected(string providerSessionId, string? model) => _connected.TrySetResult();

    void IProviderEvents.AnswerAudio(string turnId, ReadOnlySpan<byte> base64Mulaw)
    {
        // What it says of its own accord is no answer.
        if (!_heard || _answered.Task.IsCompleted)
        {
            return;
        }

        var audio = new byte[Base64.GetMaxDecodedFromUtf8Length(base64Mulaw.Length)];
        Base64.DecodeFromUtf8(base64Mulaw, audio, out _, out var length);
        if (G711.Peak(audio.AsSpan(0, length)) >= Audible)
        {
            Volatile.Write(ref _answeredAt, _time.GetTimestamp());
            _answered.TrySetResult();
        }
    }

    void IProviderEvents.AnswerFailed(string code, string message) => _trouble = (ProviderFailure.Error, message);

    void IProviderEvents.Faulted(Exception exception) => _trouble = (ProviderFailure.Fault, "The adapter failed by a fault of ours; the log tells more.");

    void IProviderEvents.Closed(ProviderEnd end, string detail)
    {
        _trouble ??= end switch
        {
            ProviderEnd.Unauthorized => (ProviderFailure.Unauthorized, detail),
            ProviderEnd.Refused when !_connected.Task.IsCompleted => (ProviderFailure.Refused, detail),
            ProviderEnd.Lost => (ProviderFailure.Lost, detail),
            ProviderEnd.Expired => (ProviderFailure.Expired, detail),
            _ => (ProviderFailure.Error, detail),
        };
        _closed.TrySetResult();
    }

    void IProviderEvents.SpeechStarted(string turnId) => _heard = true;

    void IProviderEvents.SpeechStopped(string turnId)
    {
    }

    void IProviderEvents.CallerPartial(string turnId, string text)
    {
    }

    void IProviderEvents.CallerFinal(string turnId, string text, double? confidence)
    {
    }

    void IProviderEvents.AnswerText(string turnId, string delta)
    {
    }

    void IProviderEvents.AnswerDone(string turnId, string text, bool cancelled)
    {
    }

    void IProviderEvents.ToolCall(string callId, string name, string argumentsJson)
    {
    }

    void IProviderEvents.ToolCancelled(string callId)
    {
    }

    void IProviderEvents.Used(IReadOnlyList<ModelUsage> usage)
    {
    }

    void IProviderEvents.Expiring(TimeSpan left)
    {
    }

    void IProviderEvents.Notice(string code, string message)
    {
    }
}
