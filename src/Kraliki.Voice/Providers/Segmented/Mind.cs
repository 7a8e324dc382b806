using System.ClientModel;
using System.Text.Json;
using Kraliki.Contracts;
using Microsoft.Extensions.AI;

namespace Kraliki.Voice.Providers.Segmented;

/// <param name="Unauthorized">The key was not accepted: no answer of it will ever come.</param>
internal sealed record MindFailure(string Code, string Message, bool Unauthorized = false);

/// <summary>How thinking ended.</summary>
/// <param name="Wishes">Tools that it asks for; <see cref="ToolCalled.Result"/> is null.</param>
internal sealed record MindOutcome(IReadOnlyList<ToolCalled> Wishes, UsageDetails? Usage, MindFailure? Failure);

/// <summary>Thinks with a language model, which writes while it is already being spoken. Stateless; safe from any thread.</summary>
internal sealed class Mind(IChatClient model, string name)
{
    /// <summary>The language model's name.</summary>
    public string Model => name;

    /// <param name="phrase">Called with each phrase as soon as it is complete.</param>
    /// <exception cref="OperationCanceledException"/>
    public async Task<MindOutcome> ThinkAsync(
        IReadOnlyList<ChatMessage> messages, IReadOnlyList<CallTool> tools, Action<string> phrase, CancellationToken cancellationToken)
    {
        var phrases = new PhraseStream();
        List<ToolCalled> wishes = [];
        UsageDetails? usage = null;
        bool finished = false;
        MindFailure? failure = null;
        var options = new ChatOptions
        {
            Tools = tools.Count == 0 ? null : [.. tools.Select(tool => AIFunctionFactory.CreateDeclaration(tool.Name, tool.Description, tool.Schema))],
        };
        try
        {
            await foreach (var update in model.GetStreamingResponseAsync(messages, options, cancellationToken).ConfigureAwait(false))
            {
                finished |= update.FinishReason is not null;
                foreach (var content in update.Contents)
                {
                    switch (content)
                    {
                        case TextContent { Text.Length: > 0 } text:
                            foreach (string complete in phrases.Add(text.Text))
                            {
                                phrase(complete);
                            }

                            break;
                        case FunctionCallContent { Exception: null } call:
                            wishes.Add(new ToolCalled(call.CallId, call.Name, JsonSerializer.Serialize(call.Arguments ?? new Dictionary<string, object?>(), AIJsonUtilities.DefaultOptions), null));
                            break;
                        case FunctionCallContent:
                            failure = new("llm_bad_tool_call", "The language model asked for a tool with arguments that are no JSON.");
                            break;
                        case UsageContent spent:
                            usage = spent.Details;
                            break;
                    }
                }
            }

            // A server that dies closes the stream like one that is done; only the reason to finish tells them apart.
            failure ??= finished ? null : new("llm_broke_off", "The language model's answer broke off in the middle.");
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // The edge to a library that reads whatever somebody's server sends: each of its failures is the model's.
            failure = Explain(e);
        }

        if (failure is null)
        {
            foreach (string rest in phrases.Rest())
            {
                phrase(rest);
            }
        }

        cancellationToken.ThrowIfCancellationRequested();
        return new(wishes, usage, failure);
    }

    private static MindFailure Explain(Exception error) => error switch
    {
        ClientResultException { Status: 401 or 403 } => new("llm_unauthorized", "The language model did not accept the API key. Check Kraliki:Providers:Llm:ApiKey.", Unauthorized: true),
        ClientResultException { Status: 404 } missing => new("llm_not_found", $"The language model or its address does not exist: {missing.Message}"),
        ClientResultException { Status: 429 } => new("llm_rate_limited", "The language model refused the request: too many at a time, or no credit."),
        ClientResultException { Status: > 0 } refused => new("llm_refused", $"The language model refused the request with HTTP {refused.Status}: {refused.Message}"),
        OperationCanceledException or TimeoutException => new("llm_timeout", "The language model did not answer in time."),
        JsonException => new("llm_invalid_json", "The language model's server sent something that is not the Chat Completions protocol."),
        _ => new("llm_unreachable", $"The language model could not be reached: {error.Message}"),
    };
}
