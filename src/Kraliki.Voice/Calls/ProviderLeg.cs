using Kraliki.Contracts;
using Kraliki.Voice.Net;
using Kraliki.Voice.Providers;

namespace Kraliki.Voice.Calls;

/// <summary>One provider connection of a call: brings its events into the call's gate and lets only those through that still count.</summary>
/// <remarks>Several live at once while providers change; only the active one speaks for the call. Its state is guarded by the call's gate.</remarks>
internal sealed class ProviderLeg(ProviderChain chain, CallLoop call, Lock gate, IVoiceProvider provider) : IProviderEvents
{
    // Some hundreds in the longest life of a connection.
    private readonly HashSet<string> _answers = [];

    public IVoiceProvider Provider { get; } = provider;

    public IProviderConnection Connection { get; private set; } = null!;

    public double ConnectingSince { get; private set; }

    /// <summary>Ready for audio.</summary>
    public bool Ready { get; set; }

    public bool Closed { get; set; }

    /// <summary>Given up by us: whatever it still says is about a call that it does not have any more.</summary>
    public bool Abandoned { get; private set; }

    public double ReadyAt { get; set; }

    /// <summary>The next frame of the tape that it is to hear.</summary>
    public long Position { get; set; }

    /// <summary>Where it began to hear again what another one had heard before; null once that is written down, or of no account any more.</summary>
    public long? ReplayedFrom { get; set; }

    /// <summary>The end of the tape when it got the call.</summary>
    public long TookOverAt { get; set; }

    /// <summary>How much of the conversation it has been told, as <see cref="Conversation.Count"/>.</summary>
    public long Told { get; set; }

    /// <summary>How long the conversation was when it was last told in short what came before, in tokens.</summary>
    public long RecappedAt { get; set; }

    /// <summary>Since when it takes no audio; null when it does.</summary>
    public double? StalledSince { get; set; }

    /// <summary>It has answered something since it got the call.</summary>
    public bool Proven { get; set; }

    /// <summary>What it has used so far, as it says.</summary>
    public IReadOnlyList<ModelUsage> Used { get; private set; } = [];

    /// <summary>How much of that the session was told.</summary>
    public IReadOnlyList<ModelUsage> UsedTold { get; set; } = [];

    /// <summary>What it was last offered.</summary>
    public IReadOnlyList<CallTool> Tools { get; private set; } = [];

    public void Connect(ProviderSetup setup, double now)
    {
        ConnectingSince = now;
        Tools = setup.Tools;
        Connection = Provider.Connect(setup, this);
    }

    /// <summary>It has spoken this answer, or was told of it before it was heard to its end.</summary>
    public void Learn(string turnId) => _answers.Add(turnId);

    public bool Knows(string turnId) => _answers.Contains(turnId);

    public void OfferTools(IReadOnlyList<CallTool> tools)
    {
        Tools = tools;
        Connection.OfferTools(tools);
    }

    public void Abandon()
    {
        Abandoned = true;
        Connection.Close();
    }

    /// <summary>It is of no use to the caller, whatever it says.</summary>
    public void GaveUp(string detail) => chain.OnAnswerFailed(this, "useless", detail);

    void IProviderEvents.Connected(string providerSessionId, string? model) => Enter(() =>
    {
        if (!Abandoned && !Ready && !call.Over)
        {
            chain.OnConnected(this, providerSessionId, model);
        }
    });

    void IProviderEvents.SpeechStarted(string turnId) => WhenActive(() =>
    {
        chain.TurnBegan(turnId);
        call.OnSpeechStarted(turnId);
    });

    void IProviderEvents.SpeechStopped(string turnId) => WhenActive(() =>
    {
        chain.TurnStopped();
        call.OnSpeechStopped(turnId);
    });

    void IProviderEvents.CallerPartial(string turnId, string text) => WhenActive(() =>
    {
        chain.TurnGoesOn();
        call.OnCallerPartial(turnId, text);
    });

    void IProviderEvents.CallerFinal(string turnId, string text, double? confidence) => WhenActive(() =>
    {
        chain.TurnWritten(turnId);
        call.OnCallerFinal(turnId, text, confidence);
    });

    void IProviderEvents.AnswerAudio(string turnId, ReadOnlySpan<byte> base64Mulaw)
    {
        // The one frequent event: no closure.
        using var scope = FlushScope.Enter();
        lock (gate)
        {
            if (chain.Active == this)
            {
                chain.Progress(this);
                call.OnAnswerAudio(turnId, base64Mulaw);
            }
        }
    }

    void IProviderEvents.AnswerText(string turnId, string delta) => WhenActive(() =>
    {
        chain.Progress(this);
        call.OnAnswerText(turnId, delta);
    });

    void IProviderEvents.AnswerDone(string turnId, string text, bool cancelled) => WhenActive(() => call.OnAnswerDone(turnId, text, cancelled));

    void IProviderEvents.ToolCall(string callId, string name, string argumentsJson) => WhenActive(() =>
    {
        chain.Paid();
        call.OnToolCall(callId, name, argumentsJson);
    });

    void IProviderEvents.ToolCancelled(string callId) => WhenActive(() => call.OnToolCancelled(callId));

    void IProviderEvents.Used(IReadOnlyList<ModelUsage> usage) => Enter(() =>
    {
        Used = usage;
        chain.OnUsed();
    });

    void IProviderEvents.AnswerFailed(string code, string message) => WhenActive(() => chain.OnAnswerFailed(this, code, message));

    void IProviderEvents.Expiring(TimeSpan left) => WhenActive(() => chain.OnExpiring(this, left));

    void IProviderEvents.Notice(string code, string message) => Enter(() =>
    {
        if (!Abandoned)
        {
            call.Tell(new ProviderNotice(Provider.Name, code, message));
        }
    });

    void IProviderEvents.Faulted(Exception exception) => Enter(() => chain.OnFault(this, exception));

    void IProviderEvents.Closed(ProviderEnd end, string detail) => Enter(() => chain.OnClosed(this, end, detail));

    private void WhenActive(Action action) => Enter(() =>
    {
        if (chain.Active == this)
        {
            action();
        }
    });

    private void Enter(Action action)
    {
        using var scope = FlushScope.Enter();
        lock (gate)
        {
            action();
        }
    }
}
