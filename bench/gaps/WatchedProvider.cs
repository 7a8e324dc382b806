using System.Diagnostics;
using Kraliki.Contracts;
using Kraliki.Voice.Providers;

namespace Kraliki.Gaps;

/// <summary>Stands between a call and a provider and notes when the provider took the caller's audio, just before it goes to the wire.</summary>
internal sealed class WatchedProvider(IVoiceProvider inner) : IVoiceProvider
{
    private readonly List<IProviderConnection> _open = [];
    private long _first;
    private long _last;
    private int _frames;
    private bool _silent;

    public string Name => inner.Name;

    public ProviderCapabilities Capabilities => inner.Capabilities;

    /// <summary>Timestamp of the first frame it took; 0 before.</summary>
    public long FirstFrame => Volatile.Read(ref _first);

    /// <summary>Of the last one.</summary>
    public long LastFrame => Volatile.Read(ref _last);

    public int Frames => Volatile.Read(ref _frames);

    /// <summary>From now on it takes the caller's audio and hears nothing: for a provider that has no wire.</summary>
    public void FallSilent() => Volatile.Write(ref _silent, true);

    public IProviderConnection Connect(ProviderSetup setup, IProviderEvents events)
    {
        var connection = inner.Connect(setup, events);
        lock (_open)
        {
            _open.Add(connection);
        }

        return new Watched(this, connection);
    }

    /// <summary>Ends the connections behind the call's back: for a provider that has no wire to cut.</summary>
    public void Cut()
    {
        lock (_open)
        {
            _open.ForEach(connection => connection.Close());
        }
    }

    private void Took()
    {
        long now = Stopwatch.GetTimestamp();
        Interlocked.CompareExchange(ref _first, now, 0);
        Volatile.Write(ref _last, now);
        Interlocked.Increment(ref _frames);
    }

    private sealed class Watched(WatchedProvider owner, IProviderConnection inner) : IProviderConnection
    {
        public string? ResumeHandle => inner.ResumeHandle;

        public bool SendAudio(ReadOnlySpan<byte> base64Mulaw)
        {
            if (!Volatile.Read(ref owner._silent) && !inner.SendAudio(base64Mulaw))
            {
                return false;
            }

            owner.Took();
            return true;
        }

        public void Greet() => inner.Greet();

        public void PickUp(string words, PickUpRest rest) => inner.PickUp(words, rest);

        public void Remember(IReadOnlyList<SessionFact> happened) => inner.Remember(happened);

        public void CancelAnswer() => inner.CancelAnswer();

        public void Truncate(string turnId, int heardMs) => inner.Truncate(turnId, heardMs);

        public void HoldAnswers() => inner.HoldAnswers();

        public void ResumeAnswers(bool answerNow) => inner.ResumeAnswers(answerNow);

        public void Instruct(string text) => inner.Instruct(text);

        public void OfferTools(IReadOnlyList<CallTool> tools) => inner.OfferTools(tools);

        public void ProvideToolResult(ToolCalled call) => inner.ProvideToolResult(call);

        public void Close() => inner.Close();
    }
}
