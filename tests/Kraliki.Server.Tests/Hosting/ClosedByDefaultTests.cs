using System.Net;
using Kraliki.Contracts;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.StaticAssets;
using Microsoft.Extensions.DependencyInjection;

namespace Kraliki.Server.Tests.Hosting;

public sealed class ClosedByDefaultTests(ServerFixture fixture)
{
    /// <summary>Everything that needs no sign-in, besides the console's files. A new line here is a decision.</summary>
    private static readonly string[] Open =
    [
        "/api/v1/auth/login",
        "/api/v1/auth/refresh",
        "/api/v1/auth/logout",
        "/api/v1/auth/register",
        "/api/v1/auth/verify-email",
        "/api/v1/auth/resend-verification",
        "/api/v1/auth/forgot-password",
        "/api/v1/auth/reset-password",
        "/api/v1/auth/invitation",
        // Mails of people who cannot sign in yet; 404 outside a demo, which listens on this machine only.
        "/api/v1/mailbox/",
        "/api/v1/mailbox/{id:guid}",
        "/.well-known/jwks.json",
        "/api/v1/console-info",
        "/health/live",
        "/health/ready",
        "/health/providers",
        "/openapi/{documentName}.json",
        "/asyncapi.json",
        "/docs",
        // Opened by a single-use ticket in the first message.
        "/ws/sessions/{id:guid}",
        // Guarded by the carrier's signature, and the media socket by a one-time token.
        "/telephony/twilio/voice",
        "/telephony/twilio/status",
        "/telephony/twilio/after-stream",
        "/telephony/twilio/media",
    ];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void Every_route_is_open_by_decision_or_needs_sign_in()
    {
        var undecided = Routes()
            .Where(route => route.Metadata.GetMetadata<IAllowAnonymous>() is not null)
            .Where(route => route.Metadata.GetMetadata<StaticAssetDescriptor>() is null)
            .Select(Pattern)
            .Where(pattern => !Open.Contains(pattern) && !pattern.StartsWith("/docs/", StringComparison.Ordinal))
            .Distinct();
        Assert.Empty(undecided);
    }

    [Fact]
    public async Task Every_other_route_answers_strangers_with_401()
    {
        using var client = fixture.Server.Anonymous();
        var closed = Routes().Where(route => route.Metadata.GetMetadata<IAllowAnonymous>() is null && !Pattern(route).Contains("{**", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(closed);
        foreach (var route in closed)
        {
            var path = System.Text.RegularExpressions.Regex.Replace(Pattern(route), @"\{[^}]+\}", "01900000-0000-7000-8000-000000000009");
            foreach (var method in route.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET"])
            {
                using var answer = await client.SendAsync(new HttpRequestMessage(new HttpMethod(method), path), Cancel);
                Assert.True(answer.StatusCode == HttpStatusCode.Unauthorized, $"{method} {path} answered {(int)answer.StatusCode} to a stranger.");
            }
        }
    }

    [Fact]
    public void Every_role_may_read_and_a_viewer_only_reads()
    {
        foreach (var role in Enum.GetValues<UserRole>())
        {
            Assert.True(RolePermissions.Allow(role, Permissions.SessionsRead));
            Assert.Equal(role != UserRole.Viewer, RolePermissions.Allow(role, Permissions.SessionsManage));
            Assert.Equal(role != UserRole.Viewer, RolePermissions.Allow(role, Permissions.RehearsalsRun));
        }
    }

    private static string Pattern(RouteEndpoint route) => "/" + route.RoutePattern.RawText!.TrimStart('/');

    private IEnumerable<RouteEndpoint> Routes() =>
        fixture.Server.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>();
}
