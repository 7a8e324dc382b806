using Kraliki.Contracts;
using Kraliki.Server.Identity;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;

namespace Kraliki.Server.Operations;

/// <summary>Writes down who asked for what their role does not permit; the answer itself stays the framework's 403.</summary>
internal sealed class RefusalAudit(Refusals refusals) : IAuthorizationMiddlewareResultHandler
{
    private readonly AuthorizationMiddlewareResultHandler _answer = new();

    public async Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
    {
        if (authorizeResult.Forbidden)
        {
            var permission = context.GetEndpoint()?.Metadata.GetOrderedMetadata<IAuthorizeData>().Select(demand => demand.Policy).LastOrDefault(name => name is not null);
            var user = context.RequestServices.GetRequiredService<CurrentUser>();
            await refusals.NoteAsync(
                AuditActions.PermissionRefused,
                permission ?? "signed_in",
                $"{context.Request.Method} {context.Request.Path}",
                user.Email,
                context.Connection.RemoteIpAddress,
                user.OrganisationId,
                byActor: true);
        }

        await _answer.HandleAsync(next, context, policy, authorizeResult);
    }
}
