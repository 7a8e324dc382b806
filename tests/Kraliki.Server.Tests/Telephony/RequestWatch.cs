using System.Collections.Concurrent;
using Kraliki.Server.Tests.Sessions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;

namespace Kraliki.Server.Tests.Telephony;

/// <summary>Knows when the server is done with a request, which may be after its answer: an upgraded one ends when all about it is written.</summary>
internal sealed class RequestWatch : IStartupFilter
{
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _requests = new();

    public async Task EndedAsync(string requestId, CancellationToken cancellationToken)
    {
        try
        {
            await Of(requestId).Task.WaitAsync(SessionServer.Patience, cancellationToken);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException("The server did not finish the request.");
        }
    }

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(async (http, inner) =>
        {
            try
            {
                await inner(http);
            }
            finally
            {
                Of(http.Request.Headers["X-Request-ID"].ToString()).TrySetResult();
            }
        });
        next(app);
    };

    private TaskCompletionSource Of(string requestId) => _requests.GetOrAdd(requestId, _ => new(TaskCreationOptions.RunContinuationsAsynchronously));
}
