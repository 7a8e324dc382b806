using System.Text;
using Kraliki.Contracts;
using Kraliki.Voice.Providers;

namespace Kraliki.Server.Rehearsals.Matrix;

/// <summary>How the embedded provider, which has no wire to cut, is made to fail.</summary>
internal enum Break
{
    /// <summary>It works.</summary>
    None,

    /// <summary>It takes no connection.</summary>
    Refuse,

    /// <summary>Open connections end without a word.</summary>
    Drop,

    /// <summary>Open connections say nothing more and hear nothing more.</summary>
    Freeze,

    /// <summary>Open connections end with the first audio of the next answer.</summary>
    DropInAnswer,

    /// <summary>Answers are silence from now on.</summary>
    Mute,
}

/// <summary>Stands between the calls and a provider, and fails when it is told to. Safe from any thread.</summary>
internal sealed class BreakableProvider(IVoiceProvider inner) : IVoiceProvider
{
    private readonly Lock _gate = new();
    private readonly List<Leg> _open = [];
    private volatile Break _break;
    private int _happened;

    public string Name => inner.Name;

    public ProviderCapabilities Capabilities => inner.Capabilities;

    /// <summary>How often it has failed by order.</summary>
    public int Happened => Volatile.Read(ref _happened);

    /// <summary>From now on, and where it is meant for open connections, on those that are open now.</summary>
    public void Fail(Break how)
    {
        _break = how;
        if (how is not (Break.Drop or Break.Freeze))
        {
            return;
        }

        Leg[] open;
        lock (_gate)
        {
            open = [.. _open];
        }

        Array.ForEach(open, leg => leg.Strike(how));
        _break = Break.None;
    }

    public IProviderConnection Connect(ProviderSetup setup, IProviderEvents events)
    {
        var leg = new Leg(this, events);
        lock (_gate)
        {
            _open.Add(leg);
        }

        leg.Connect(_break == Break.Refuse ? null : inner, setup);
        return leg;
    }

    private void Happen() => Interlocked.Increment(ref _happened);

    private void Forget(Leg leg)
    {
        lock (_gate)
        {
            _open.Remove(leg);
        }
    }

    private sealed class Leg(BreakableProvider owner, IProviderEvents events) : IProviderConnection, IProviderEvents
    {
        // Raising an event takes the call's gate, inside which we are called: this one is never held then.
        private readonly Lock _gate = new();
        private IProviderConnection? _inner;
        private volatile Break _struck;
        private bool _closed;

        public void Connect(IVoiceProvider? provider, ProviderSetup setup)
        {
            if (provider is not null)
            {
                _inner = provider.Connect(setup, this);
                return;
            }

            // Never from inside the call that asked for it.
            owner.Happen();
            ThreadPool.QueueUserWorkItem(_ => End(ProviderEnd.Refused, "It was told to refuse."));
        }

        public void Strike(Break how)
        {
            owner.Happen();
            _struck = how;
            if (how == Break.Drop)
            {
                _inner?.Close();
                End(ProviderEnd.Lost, "It was told to drop the call.");
            }
        }

        public bool SendAudio(ReadOnlySpan<byte> base64Mulaw) => _struck != Break.None || _inner is null || _inner.SendAudio(base64Mulaw);

        public void Greet() => _inner?.Greet();

        public void PickUp(string words, PickUpRest rest) => _inner?.PickUp(words, rest);

        public void Remember(IReadOnlyList<SessionFact> happened) => _inner?.Remember(happened);

        public void CancelAnswer() => _inner?.CancelAnswer();

        public void Truncate(string turnId, int heardMs) => _inner?.Truncate(turnId, heardMs);

        public void HoldAnswers() => _inner?.HoldAnswers();

        public void ResumeAnswers(bool answerNow) => _inner?.ResumeAnswers(answerNow);

        public void Instruct(string text) => _inner?.Instruct(text);

        public void OfferTools(IReadOnlyList<CallTool> tools) => _inner?.OfferTools(tools);

        public void ProvideToolResult(ToolCalled call) => _inner?.ProvideToolResult(call);

        public void Close() => _inner?.Close();

        void IProviderEvents.Connected(string providerSessionId, string? model) => events.Connected(providerSessionId, model);

        void IProviderEvents.SpeechStarted(string turnId) => Pass(turnId, static (to, id) => to.SpeechStarted(id));

        void IProviderEvents.SpeechStopped(string turnId) => Pass(turnId, static (to, id) => to.SpeechStopped(id));

        void IProviderEvents.CallerPartial(string turnId, string text) => Pass((turnId, text), static (to, said) => to.CallerPartial(said.turnId, said.text));

        void IProviderEvents.CallerFinal(string turnId, string text, double? confidence) =>
            Pass((turnId, text, confidence), static (to, said) => to.CallerFinal(said.turnId, said.text, said.confidence));

        void IProviderEvents.AnswerAudio(string turnId, ReadOnlySpan<byte> base64Mulaw)
        {
            if (_struck != Break.None)
            {
                return;
            }

            switch (owner._break)
            {
                case Break.DropInAnswer:
                    owner._break = Break.None;
                    events.AnswerAudio(turnId, base64Mulaw);
                    Strike(Break.Drop);
                    break;
                case Break.Mute:
                    owner.Happen();
                    var silence = new byte[Convert.FromBase64String(Encoding.ASCII.GetString(base64Mulaw)).Length];
                    Array.Fill(silence, (byte)0xFF);
                    events.AnswerAudio(turnId, Encoding.ASCII.GetBytes(Convert.ToBase64String(silence)));
                    break;
                default:
                    events.AnswerAudio(turnId, base64Mulaw);
                    break;
            }
        }

        void IProviderEvents.AnswerText(string turnId, string delta) => Pass((turnId, delta), static (to, said) => to.AnswerText(said.turnId, said.delta));

        void IProviderEvents.AnswerDone(string turnId, string text, bool cancelled) =>
            Pass((turnId, text, cancelled), static (to, said) => to.AnswerDone(said.turnId, said.text, said.cancelled));

        void IProviderEvents.ToolCall(string callId, string name, string argumentsJson) =>
            Pass((callId, name, argumentsJson), static (to, call) => to.ToolCall(call.callId, call.name, call.argumentsJson));

        void IProviderEvents.ToolCancelled(string callId) => Pass(callId, static (to, id) => to.ToolCancelled(id));

        void IProviderEvents.Used(IReadOnlyList<ModelUsage> usage) => Pass(usage, static (to, used) => to.Used(used));

        void IProviderEvents.AnswerFailed(string code, string message) => Pass((code, message), static (to, failed) => to.AnswerFailed(failed.code, failed.message));

        void IProviderEvents.Expiring(TimeSpan left) => Pass(left, static (to, time) => to.Expiring(time));

        void IProviderEvents.Notice(string code, string message) => Pass((code, message), static (to, notice) => to.Notice(notice.code, notice.message));

        void IProviderEvents.Faulted(Exception exception) => events.Faulted(exception);

        void IProviderEvents.Closed(ProviderEnd end, string detail) => End(end, detail);

        private void Pass<T>(T what, Action<IProviderEvents, T> tell)
        {
            if (_struck == Break.None)
            {
                tell(events, what);
            }
        }

        /// <summary>The last event comes once, from whichever side is first.</summary>
        private void End(ProviderEnd end, string detail)
        {
            lock (_gate)
            {
                if (_closed)
                {
                    return;
                }

                _closed = true;
            }

            owner.Forget(this);
            events.Closed(end, detail);
        }
    }
}
