using System.Text;
using System.Text.Json.Nodes;
using Kraliki.Simulators.Faults;
using Kraliki.Simulators.OpenAI;

namespace Kraliki.Simulators.Chat;

/// <summary>One completion on its way to the client, word by word, and the faults in between.</summary>
internal sealed class ChatStream(HttpContext context, ChatSimulatorOptions options)
{
    private volatile TaskCompletionSource? _frozen;
    private TimeSpan _delay;
    private int _garbage;
    private Fault? _error;
    private volatile bool _cut;

    public string Id { get; } = Ids.New("chatcmpl").Replace('_', '-');

    public static JsonObject Error(string message, string? code, string? param = null) => new()
    {
        ["message"] = message,
        ["type"] = code is "server_error" ? "server_error" : "invalid_request_error",
        ["param"] = param,
        ["code"] = code,
    };

    public void Apply(Fault fault)
    {
        switch (fault.Kind)
        {
            case FaultKind.Drop:
                context.Abort();
                break;
            case FaultKind.Freeze:
                Freeze(fault.DelayMs);
                break;
            case FaultKind.Delay:
                _delay = TimeSpan.FromMilliseconds(fault.DelayMs ?? 0);
                break;
            case FaultKind.Garbage:
                _garbage += fault.Count ?? 1;
                break;
            case FaultKind.ErrorEvent:
                _error = fault;
                break;
            case FaultKind.Close or FaultKind.Expire:
                _cut = true;
                break;
        }
    }

    public async Task AnswerAsync(ChatRequest request, Mind mind, FaultTrack faults)
    {
        faults.Event("request");
        await PauseAsync(options.ThinkTime).ConfigureAwait(false);
        var reply = mind(request.Input);
        var completion = Tokens.OfText(reply.Text) + Tokens.OfText(reply.Call?.Arguments);
        var usage = new JsonObject
        {
            ["prompt_tokens"] = request.PromptTokens,
            ["completion_tokens"] = completion,
            ["total_tokens"] = request.PromptTokens + completion,
            ["prompt_tokens_details"] = new JsonObject { ["cached_tokens"] = 0 },
        };
        var finish = reply.Call is null ? "stop" : "tool_calls";
        var call = reply.Call is null ? null : new JsonArray(new JsonObject
        {
            ["index"] = 0,
            ["id"] = Ids.New("call"),
            ["type"] = "function",
            ["function"] = new JsonObject { ["name"] = reply.Call.Name, ["arguments"] = reply.Call.Arguments },
        });
        if (!request.Stream)
        {
            var message = new JsonObject { ["role"] = "assistant", ["content"] = reply.Text, ["refusal"] = null };
            if (call is not null)
            {
                call[0]!.AsObject().Remove("index");
                message["tool_calls"] = call;
            }

            var whole = Chunk(request.Model, "chat.completion", new() { ["index"] = 0, ["message"] = message, ["finish_reason"] = finish, ["logprobs"] = null });
            whole["usage"] = usage;
            await context.Response.WriteAsJsonAsync(whole, context.RequestAborted).ConfigureAwait(false);
            return;
        }

        context.Response.ContentType = "text/event-stream";
        List<JsonObject> deltas = [new() { ["role"] = "assistant", ["content"] = "" }];
        deltas.AddRange(Tokens.Pieces(reply.Text).Select(piece => new JsonObject { ["content"] = piece }));
        if (call is not null)
            deltas.Add(new() { ["tool_calls"] = call });
        foreach (var delta in deltas)
        {
            await SendAsync(Chunk(request.Model, "chat.completion.chunk", new() { ["index"] = 0, ["delta"] = delta, ["finish_reason"] = null })).ConfigureAwait(false);
            faults.Frame();
            faults.Event("chunk");
            if (await FailedAsync().ConfigureAwait(false))
                return;
            await PauseAsync(options.WordTime).ConfigureAwait(false);
        }

        await SendAsync(Chunk(request.Model, "chat.completion.chunk", new() { ["index"] = 0, ["delta"] = new JsonObject(), ["finish_reason"] = finish })).ConfigureAwait(false);
        if (request.IncludeUsage)
        {
            var last = Chunk(request.Model, "chat.completion.chunk", null);
            last["usage"] = usage;
            await SendAsync(last).ConfigureAwait(false);
        }

        await SendAsync("[DONE]").ConfigureAwait(false);
        faults.Event("done");
    }

    /// <summary>A fault ends the stream in the middle.</summary>
    private async Task<bool> FailedAsync()
    {
        while (_garbage > 0)
        {
            _garbage--;
            await SendAsync("{\"choices\":[{\"delta\":\u0007%%,,}").ConfigureAwait(false);
        }

        if (_error is { } error)
        {
            await SendAsync(new JsonObject { ["error"] = Error(error.Reason ?? "The server had an error.", error.Code ?? "server_error") }.ToJsonString()).ConfigureAwait(false);
            return true;
        }

        return _cut;
    }

    private JsonObject Chunk(string model, string kind, JsonObject? choice) => new()
    {
        ["id"] = Id,
        ["object"] = kind,
        ["created"] = options.TimeProvider.GetUtcNow().ToUnixTimeSeconds(),
        ["model"] = model,
        ["system_fingerprint"] = "fp_simulated",
        ["choices"] = choice is null ? [] : new JsonArray(choice),
    };

    private Task SendAsync(JsonObject chunk) => SendAsync(chunk.ToJsonString());

    private async Task SendAsync(string data)
    {
        if (_delay > TimeSpan.Zero)
            await PauseAsync(_delay).ConfigureAwait(false);
        if (_frozen is { } frozen)
            await frozen.Task.WaitAsync(context.RequestAborted).ConfigureAwait(false);
        await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes($"data: {data}\n\n"), context.RequestAborted).ConfigureAwait(false);
        await context.Response.Body.FlushAsync(context.RequestAborted).ConfigureAwait(false);
    }

    private Task PauseAsync(TimeSpan time) =>
        time > TimeSpan.Zero ? Task.Delay(time, options.TimeProvider, context.RequestAborted) : Task.CompletedTask;

    private void Freeze(int? ms)
    {
        var frozen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _frozen = frozen;
        if (ms is { } limit)
            _ = Task.Delay(TimeSpan.FromMilliseconds(limit), options.TimeProvider, CancellationToken.None).ContinueWith(_ => frozen.TrySetResult(), TaskScheduler.Default);
    }
}
