using System.Text.Json;
using Kraliki.Contracts;

namespace Kraliki.Voice.Providers;

/// <summary>An AI voice provider that can open connections. Stateless; safe from any thread.</summary>
public interface IVoiceProvider
{
    /// <summary>The name on the wire: <c>openai</c>, <c>local</c>.</summary>
    string Name { get; }

    ProviderCapabilities Capabilities { get; }

    /// <summary>Starts to connect and returns at once; the outcome arrives at <paramref name="events"/>.</summary>
    IProviderConnection Connect(ProviderSetup setup, IProviderEvents events);
}

/// <summary>What a provider can do. Code branches on these, never on the provider's type.</summary>
/// <param name="DetectsTurns">Reports speech start and stop and answers by itself.</param>
/// <param name="Truncates">Its memory of an answer can be cut to what the caller heard.</param>
/// <param name="SpeaksFirst">Greets when asked to by <see cref="IProviderConnection.Greet"/>.</param>
/// <param name="Model">Model name for display, when there is one.</param>
public sealed record ProviderCapabilities(
    IReadOnlyList<VoiceStrategy> Strategies,
    bool DetectsTurns,
    bool Truncates,
    bool SpeaksFirst,
    string? Model = null)
{
    /// <summary>How long one connection may live; the chain moves the call to a fresh one before. Null: for ever.</summary>
    public TimeSpan? Lifetime { get; init; }

    /// <summary>It forgets the oldest part of a long conversation: each time that so many tokens of text were said it is told in short what came before. Null: it does not, or sees to it itself.</summary>
    public int? RecapEvery { get; init; }

    /// <summary>How much later than others it may see that the caller's turn is over, because it listens for what he means: it is not silent for that.</summary>
    public TimeSpan TurnPatience { get; init; }

    /// <summary>How much of an earlier conversation it is given, in tokens; what is older is given in short.</summary>
    public int ContextTokens { get; init; } = 8_000;
}

/// <param name="Instructions">What the assistant is and does, in plain language.</param>
/// <param name="Conversation">What was said and done in this session before this connection.</param>
/// <param name="Tools">What the assistant may ask for at first; <see cref="IProviderConnection.OfferTools"/> changes it.</param>
public sealed record ProviderSetup(Guid SessionId, string Instructions, ConversationContext Conversation, IReadOnlyList<CallTool> Tools)
{
    /// <summary>The provider's name for a voice; null takes the configured one.</summary>
    public string? Voice { get; init; }

    /// <summary>Name of a provider to that provider's name for a voice, before it is known whose connection it will be; goes before <see cref="Voice"/>.</summary>
    public IReadOnlyDictionary<string, string>? Voices { get; init; }

    /// <summary>The words of <see cref="IProviderConnection.Greet"/>; null leaves them to the model.</summary>
    public string? Greeting { get; init; }

    /// <summary>What is spoken, BCP 47 (<c>en-US</c>); null leaves it to the provider.</summary>
    public string? Language { get; init; }

    /// <summary>From <see cref="IProviderConnection.ResumeHandle"/> of an earlier connection to the same provider, which then knows the conversation already.</summary>
    public string? ResumeHandle { get; init; }

    /// <summary>Told to the provider, so that its records can be matched with ours.</summary>
    public string? RequestId { get; init; }

    /// <summary>W3C trace context, for the same.</summary>
    public string? TraceParent { get; init; }
}

/// <summary>Something that the assistant may ask the server to do. It proposes; the call loop decides, by what is offered at that moment.</summary>
/// <param name="Description">When to use it, for the model.</param>
/// <param name="Parameters">JSON schema of its arguments, an object; null takes none.</param>
public sealed record CallTool(string Name, string Description, string? Parameters = null)
{
    /// <summary>No arguments; hangs up once the answer in progress was heard.</summary>
    public static readonly CallTool EndCall = new("end_call", "Hangs up. Call it after saying goodbye, when the caller has nothing more to ask.");

    private static readonly JsonElement NoParameters = Parse("""{"type":"object","properties":{}}""");

    public static IReadOnlyList<CallTool> All { get; } = [EndCall];

    /// <summary><see cref="Parameters"/>, or the schema of an object without members.</summary>
    public JsonElement Schema => Parameters is null ? NoParameters : Parse(Parameters);

    private static JsonElement Parse(string schema)
    {
        using var document = JsonDocument.Parse(schema);
        return document.RootElement.Clone();
    }
}

/// <summary>One live conversation with a provider.</summary>
/// <remarks>
/// The call loop calls these inside its gate, one at a time. They must not block and must not raise
/// <see cref="IProviderEvents"/> synchronously. Calls after the end are ignored.
/// </remarks>
public interface IProviderConnection
{
    /// <summary>Caller audio: base64 of G.711 μ-law at 8 kHz, usually one frame of 20 ms (160 bytes, 216 characters). Copied before the call returns.</summary>
    /// <returns>False when the queue toward the provider is full and the frame was dropped.</returns>
    bool SendAudio(ReadOnlySpan<byte> base64Mulaw);

    /// <summary>Asks the assistant to open the conversation.</summary>
    void Greet();

    /// <summary>The conversation of <see cref="ProviderSetup.Conversation"/> goes on: the assistant says <paramref name="words"/> (empty: none) and then what <paramref name="rest"/> tells.</summary>
    void PickUp(string words, PickUpRest rest);

    /// <summary>What was said and done elsewhere since this connection began, oldest first: it is remembered, and answered only when asked for.</summary>
    void Remember(IReadOnlyList<SessionFact> happened);

    /// <summary>Stops the answer that is being produced, if any; its remaining audio will be ignored by the loop.</summary>
    void CancelAnswer();

    /// <summary>Cuts the memory of one answer to the milliseconds that the caller heard; 0 when nothing was heard.</summary>
    void Truncate(string turnId, int heardMs);

    /// <summary>
    /// The caller began to speak over an answer and it is not yet known whether this is an interruption or a mere "uh-huh":
    /// until <see cref="ResumeAnswers"/> the provider must not answer a finished caller turn by itself.
    /// </summary>
    void HoldAnswers();

    /// <summary>Back to answering by itself.</summary>
    /// <param name="answerNow">
    /// True: it was an interruption; the caller's turn is, or soon will be, finished and wants its answer. False: it was a
    /// backchannel or a cough; the caller's utterance is to be forgotten and the old answer goes on.
    /// </param>
    void ResumeAnswers(bool answerNow);

    /// <summary>A line of text that the assistant must follow and answer.</summary>
    void Instruct(string text);

    /// <summary>From now on the assistant may ask for these tools and no others. What it had asked for before may still arrive.</summary>
    void OfferTools(IReadOnlyList<CallTool> tools);

    /// <summary>The result of a tool, once; the assistant answers with it. Another connection may have asked for it: then the request itself is news as well.</summary>
    /// <param name="call">With its result.</param>
    void ProvideToolResult(ToolCalled call);

    /// <summary>A fresh connection to the same provider that is given this goes on where this one is; null when the provider has no such thing.</summary>
    string? ResumeHandle => null;

    /// <summary>Ends the conversation. <see cref="IProviderEvents.Closed"/> still follows, once.</summary>
    void Close();
}

/// <summary>What is to be said first on a connection that takes over a conversation.</summary>
public enum PickUpRest
{
    /// <summary>Nothing more than the words.</summary>
    Nothing,

    /// <summary>The answer to what the caller said last; one that was cut off is given again from its beginning.</summary>
    Answer,

    /// <summary>The rest of the assistant's own last turn, which was cut off where the conversation ends; what was heard is not repeated.</summary>
    Continuation,
}

/// <summary>What a provider connection reports. Raised from any thread, one at a time per connection; spans are valid during the call only.</summary>
public interface IProviderEvents
{
    /// <summary>Ready for audio.</summary>
    void Connected(string providerSessionId, string? model);

    /// <summary>The caller started to speak.</summary>
    void SpeechStarted(string turnId);

    /// <summary>The caller stopped speaking.</summary>
    void SpeechStopped(string turnId);

    /// <summary>What the caller is heard saying so far (whole text, not a delta).</summary>
    void CallerPartial(string turnId, string text);

    /// <summary>What the caller said. An empty text means that it was no speech (a cough, noise).</summary>
    void CallerFinal(string turnId, string text, double? confidence);

    /// <summary>An answer's audio: base64 of G.711 μ-law at 8 kHz, any length, faster than real time.</summary>
    void AnswerAudio(string turnId, ReadOnlySpan<byte> base64Mulaw);

    /// <summary>Words of the answer to append to what came before.</summary>
    void AnswerText(string turnId, string delta);

    /// <summary>The answer is complete or was stopped; no more audio or text for it.</summary>
    void AnswerDone(string turnId, string text, bool cancelled);

    /// <summary>The assistant wants a tool.</summary>
    void ToolCall(string callId, string name, string argumentsJson);

    /// <summary>It wants a tool's result no more: the caller has interrupted.</summary>
    void ToolCancelled(string callId);

    /// <summary>What the whole connection has used so far, one entry for each model, without costs.</summary>
    void Used(IReadOnlyList<ModelUsage> usage);

    /// <summary>An answer that is due will not come, though the connection lives: rate limit, refused content, an error of the model.</summary>
    void AnswerFailed(string code, string message);

    /// <summary>The provider will close this connection soon; the conversation should be on another one by then.</summary>
    void Expiring(TimeSpan left);

    /// <summary>Something went wrong that did not end the conversation.</summary>
    void Notice(string code, string message);

    /// <summary>A bug of ours in the connection; <see cref="Closed"/> still follows.</summary>
    void Faulted(Exception exception);

    /// <summary>The conversation is over, whatever the cause. The last event.</summary>
    void Closed(ProviderEnd end, string detail);
}

/// <summary>How a provider connection ended; the loop turns it into an <see cref="EndReason"/> by the stage of the call.</summary>
public enum ProviderEnd
{
    /// <summary>We closed it.</summary>
    Requested,

    /// <summary>Refused before it was ready, or unreachable.</summary>
    Refused,

    /// <summary>The key was not accepted.</summary>
    Unauthorized,

    /// <summary>The session's maximum life is over.</summary>
    Expired,

    /// <summary>The socket ended without a word.</summary>
    Lost,

    /// <summary>The provider reported an error and closed.</summary>
    Error,
}
