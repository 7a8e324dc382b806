using Kraliki.Contracts;
using Kraliki.Voice.Providers;

namespace Kraliki.Voice.Tests.Providers;

/// <summary>Counts what a connection reports.</summary>
internal sealed class QuietEvents : IProviderEvents
{
    public int Audio { get; private set; }

    public int Others { get; private set; }

    public Exception? Fault { get; private set; }

    public void Connected(string providerSessionId, string? model) => Others++;

    public void SpeechStarted(string turnId) => Others++;

    public void SpeechStopped(string turnId) => Others++;

    public void CallerPartial(string turnId, string text) => Others++;

    public void CallerFinal(string turnId, string text, double? confidence) => Others++;

    public void AnswerAudio(string turnId, ReadOnlySpan<byte> base64Mulaw) => Audio++;

    public void AnswerText(string turnId, string delta) => Others++;

    public void AnswerDone(string turnId, string text, bool cancelled) => Others++;

    public void ToolCall(string callId, string name, string argumentsJson) => Others++;

    public void ToolCancelled(string callId) => Others++;

    public void AnswerFailed(string code, string message) => Others++;

    public void Expiring(TimeSpan left) => Others++;

    public void Used(IReadOnlyList<ModelUsage> usage) => Others++;

    public void Notice(string code, string message) => Others++;

    public void Faulted(Exception exception) => Fault = exception;

    public void Closed(ProviderEnd end, string detail) => Others++;
}
