using System.Security.Cryptography;
using System.Text;
using Kraliki.Server.Identity;

namespace Kraliki.Server.Hosting;

/// <summary>
/// <c>Idempotency-Key</c> on creating routes that ask for it by <see cref="Idempotency.Idempotent"/>: who repeats a request under the
/// same key gets the answer of the first one.
/// </summary>
/// <remarks>
/// <list type="number">
/// <item>The key is claimed by one insert; equal requests at the same time get 409 <c>request_in_progress</c>.</item>
/// <item>The request is carried out to its end even when its client is gone: that is when the client repeats it.</item>
/// <item>The answer is stored before it is sent. 400 is not, because nothing happened; 429 and 5xx are not, because the next
/// try may go well.</item>
/// </list>
/// Killed between the effect and (3), the claim lapses after a minute. The next try then carries the request out again, with
/// the same <see cref="Idempotency.NewId"/>; a handler that creates under that id, or finds what is there under it, creates once.
/// Goes after authorization: keys belong to a user, and a refused request never comes here.
/// </remarks>
internal sealed class IdempotentRequests(RequestDelegate next, IdempotencyKeys keys)
{
    public const string Header = "Idempotency-Key";
    public const string ReplayedHeader = "Idempotency-Replayed";
    public const int LongestKey = 200;

    // Larger than Kestrel lets a body be: it stays in memory while it is hashed.
    private const int BodyInMemory = 2 * 1024 * 1024;

    public async Task InvokeAsync(HttpContext http, CurrentUser user)
    {
        if (http.GetEndpoint() is not RouteEndpoint endpoint
            || endpoint.Metadata.GetMetadata<IdempotentRoute>() is not { } route
            || http.Request.Headers[Header] is not { Count: > 0 } offered)
        {
            await next(http);
            return;
        }

        if (offered is not [{ Length: > 0 and <= LongestKey } key] || !key.All(c => c is > ' ' and <= '~'))
        {
            const string Sentence = "Idempotency-Key must be 1 to 200 visible ASCII characters, such as a UUID.";
            await Problems.WriteAsync(http, StatusCodes.Status400BadRequest, "invalid_idempotency_key", Sentence);
            return;
        }

        var scope = new KeyScope(user.OrganisationId, user.Id, $"{http.Request.Method} /{endpoint.RoutePattern.RawText?.TrimStart('/')}", key);
        var (result, known) = await keys.ClaimAsync(scope, await HashAsync(http.Request), http.RequestAborted);
        switch (result)
        {
            case ClaimResult.Mine:
                await CarryOutAsync(http, route, known);
                break;
            case ClaimResult.Answered when known.Body is null:
                http.Features.Set(new Creation(known.ResourceId));
                http.Response.Headers[ReplayedHeader] = "true";
                await next(http);
                break;
            case ClaimResult.Answered:
                await ReplayAsync(http.Response, known, http.RequestAborted);
                break;
            case ClaimResult.InProgress:
                http.Response.Headers.RetryAfter = "1";
                await Problems.WriteAsync(http, StatusCodes.Status409Conflict, "request_in_progress", "A request with this Idempotency-Key is being carried out; ask again in a moment.");
                break;
            case ClaimResult.OtherRequest:
                await Problems.WriteAsync(
                    http, StatusCodes.Status422UnprocessableEntity, "idempotency_key_reused", "This Idempotency-Key was used for another request; every new request needs a new key.");
                break;
        }
    }

    private async Task CarryOutAsync(HttpContext http, IdempotentRoute route, IdempotencyKey claim)
    {
        var (client, body) = (http.RequestAborted, http.Response.Body);
        using var deadline = keys.NewDeadline();
        using var answer = new MemoryStream();
        http.Features.Set(new Creation(claim.ResourceId));
        http.RequestAborted = deadline.Token;
        http.Response.Body = answer;
        var settled = false;
        try
        {
            await next(http);
            await SettleAsync(http.Response, route, claim, answer);
            settled = true;
        }
        catch (BadHttpRequestException)
        {
            // The body could not be read: no handler has run.
            await keys.ForgetAsync(claim);
            settled = true;
            throw;
        }
        finally
        {
            http.RequestAborted = client;
            http.Response.Body = body;
            if (!settled)
            {
                await keys.ReleaseAsync(claim);
            }
        }

        await WriteAsync(body, answer.GetBuffer().AsMemory(0, (int)answer.Length), client);
    }

    private Task SettleAsync(HttpResponse response, IdempotentRoute route, IdempotencyKey claim, MemoryStream answer) => response.StatusCode switch
    {
        StatusCodes.Status400BadRequest => keys.ForgetAsync(claim),
        StatusCodes.Status429TooManyRequests or >= 500 => keys.ReleaseAsync(claim),
        var status when !route.StoresAnswer => keys.StoreAsync(claim, new(status)),
        var status => keys.StoreAsync(
            claim,
            new(status, response.ContentType, response.Headers.Location, response.Headers.ETag, answer.ToArray())),
    };

    private static async Task ReplayAsync(HttpResponse response, IdempotencyKey known, CancellationToken cancellationToken)
    {
        response.StatusCode = known.Status!.Value;
        response.ContentType = known.ContentType;
        response.Headers.Location = known.Location;
        response.Headers.ETag = known.ETag;
        response.Headers[ReplayedHeader] = "true";
        await WriteAsync(response.Body, known.Body, cancellationToken);
    }

    // Nothing written lets an answer without a body stay one.
    private static ValueTask WriteAsync(Stream body, ReadOnlyMemory<byte> answer, CancellationToken cancellationToken) =>
        answer.IsEmpty ? ValueTask.CompletedTask : body.WriteAsync(answer, cancellationToken);

    private static async Task<byte[]> HashAsync(HttpRequest request)
    {
        request.EnableBuffering(BodyInMemory);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{request.Method} {request.Path}{request.QueryString}\n"));
        var buffer = new byte[8 * 1024];
        while (await request.Body.ReadAsync(buffer, request.HttpContext.RequestAborted) is > 0 and var read)
        {
            hash.AppendData(buffer, 0, read);
        }

        request.Body.Position = 0;
        return hash.GetHashAndReset();
    }

    /// <summary>What a request under a key creates.</summary>
    public sealed record Creation(Guid ResourceId);
}

/// <summary>Marks a creating route that takes an Idempotency-Key.</summary>
/// <param name="StoresAnswer">False: the answer holds a secret, so a repeated request is carried out again for the same resource.</param>
internal sealed record IdempotentRoute(bool StoresAnswer);

internal static class Idempotency
{
    public static void AddIdempotency(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<IdempotencyKeys>();
        builder.Services.AddHostedService<IdempotencyPurge>();
    }

    public static void UseIdempotency(this WebApplication app) => app.UseMiddleware<IdempotentRequests>();

    /// <summary>The route takes an <c>Idempotency-Key</c>. Its handler creates under <see cref="NewId"/>.</summary>
    /// <param name="storesAnswer">False where the answer holds a secret that must be neither stored nor given twice: a repeated
    /// request is then carried out again, and the handler must find what is there under <see cref="NewId"/>.</param>
    public static RouteHandlerBuilder Idempotent(this RouteHandlerBuilder route, bool storesAnswer = true) => route.WithMetadata(new IdempotentRoute(storesAnswer));

    /// <summary>The id (UUIDv7) of the one thing that this request creates: the same again when the request is repeated under its key.</summary>
    public static Guid NewId(this HttpContext http) =>
        http.Features.Get<IdempotentRequests.Creation>()?.ResourceId
        ?? Guid.CreateVersion7(http.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow());
}
