using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Kraliki.Server.Tests.Telephony;

/// <param name="Form">Null for a read.</param>
internal sealed record RestRequest(string Path, string Authorization, IReadOnlyDictionary<string, string>? Form);

/// <summary>A REST API of Twilio's that answers what the test says.</summary>
internal sealed class FakeRest : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly List<RestRequest> _asked = [];
    private readonly WebApplication _app;

    private FakeRest(WebApplication app) => _app = app;

    /// <summary>Status and body; status 0 never answers, 302 leads back here.</summary>
    public Func<RestRequest, (int Status, string Body)> Answer { get; set; } = _ => (200, "{}");

    public Uri Url => new(_app.Urls.Single());

    public IReadOnlyList<RestRequest> Asked
    {
        get
        {
            lock (_gate)
            {
                return [.. _asked];
            }
        }
    }

    public static async Task<FakeRest> StartAsync(CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var rest = new FakeRest(builder.Build());
        rest._app.Run(rest.RespondAsync);
        await rest._app.StartAsync(cancellationToken);
        return rest;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task RespondAsync(HttpContext http)
    {
        var form = http.Request.HasFormContentType ? (await http.Request.ReadFormAsync()).ToDictionary(field => field.Key, field => field.Value.ToString()) : null;
        var request = new RestRequest(http.Request.Path, http.Request.Headers.Authorization.ToString(), form);
        lock (_gate)
        {
            _asked.Add(request);
        }

        var (status, body) = Answer(request);
        if (status == 0)
        {
            await new TaskCompletionSource().Task.WaitAsync(http.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return;
        }

        http.Response.StatusCode = status;
        http.Response.Headers.Location = status == 302 ? $"{Url}elsewhere" : default;
        await http.Response.WriteAsync(body);
    }
}
