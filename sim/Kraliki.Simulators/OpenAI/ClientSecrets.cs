using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Kraliki.Simulators.OpenAI;

/// <summary>Ephemeral keys (<c>ek_…</c>) of <c>POST /v1/realtime/client_secrets</c>: short-lived, each with session settings.</summary>
internal sealed class ClientSecrets(TimeProvider time)
{
    private readonly ConcurrentDictionary<string, (DateTimeOffset ExpiresAt, JsonObject Session)> _minted = new();

    /// <summary>The request's body; an empty one counts as an empty object, null is no JSON object.</summary>
    public static async Task<JsonObject?> ReadAsync(HttpRequest request)
    {
        if (request.ContentLength is 0)
            return [];
        try
        {
            return await JsonNode.ParseAsync(request.Body, cancellationToken: request.HttpContext.RequestAborted).ConfigureAwait(false) as JsonObject;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public (JsonObject? Secret, RealtimeError? Error) Mint(JsonObject body, OpenAiSimulatorOptions options)
    {
        var seconds = SessionSettings.Number(body["expires_after"]?["seconds"]) ?? 600;
        if (seconds is < 10 or > 7_200)
            return (null, RealtimeError.InvalidValue("Expected an integer between 10 and 7200.", "expires_after.seconds"));

        var wanted = body["session"]?.DeepClone() as JsonObject ?? new JsonObject { ["type"] = "realtime" };
        var transcription = SessionSettings.Text(wanted["type"]) == "transcription";
        var model = transcription ? null : SessionSettings.Text(wanted["model"]) ?? options.Models[0];
        if (model is not null && !options.Models.Contains(model))
            return (null, RealtimeError.InvalidValue($"Model \"{model}\" is not supported in realtime mode.", "session.model"));

        var now = time.GetUtcNow();
        var settings = SessionSettings.Default(Ids.New("sess"), model, transcription, now + options.SessionLifetime);
        if (settings.Update(wanted, audioProduced: false) is { } error)
            return (null, error);
        if (model is not null)
            wanted["model"] = model;

        foreach (var (old, minted) in _minted)
        {
            if (minted.ExpiresAt <= now)
                _minted.TryRemove(old, out _);
        }

        var expires = now.AddSeconds(seconds);
        var key = Ids.New("ek");
        _minted[key] = (expires, wanted);
        var secret = new JsonObject
        {
            ["value"] = key,
            ["expires_at"] = expires.ToUnixTimeSeconds(),
            ["session"] = settings.Wire,
        };
        return (secret, null);
    }

    /// <summary>The session settings that a valid key carries; null for all other keys.</summary>
    public JsonObject? Find(string? key) =>
        key is not null && _minted.TryGetValue(key, out var minted) && minted.ExpiresAt > time.GetUtcNow()
            ? (JsonObject)minted.Session.DeepClone()
            : null;
}
