using System.Security.Claims;
using Kraliki.Contracts;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.DataProtection;

namespace Kraliki.Server.Identity;

public static class IdentitySetup
{
    public static void AddIdentity(this WebApplicationBuilder builder)
    {
        // The authentication package brings key files along; nothing here protects anything with them.
        builder.Services.AddDataProtection().UseEphemeralDataProtectionProvider();
        builder.Services.AddHttpContextAccessor();
        builder.Services.AddScoped<CurrentUser>();
        builder.Services.AddAuthentication(JwtBearerDefaults.AuthenticationScheme).AddJwtBearer(options => options.MapInboundClaims = false);

        var signedIn = new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build();
        var authorization = builder.Services.AddAuthorizationBuilder()
            // What nobody thought about is closed.
            .SetFallbackPolicy(signedIn)
            .SetDefaultPolicy(signedIn);
        foreach (var permission in Permissions.All)
        {
            authorization.AddPolicy(permission, policy => policy.RequireAuthenticatedUser().RequireAssertion(context =>
                Enum.TryParse<UserRole>(context.User.FindFirstValue("role"), ignoreCase: true, out var role)
                && RolePermissions.Allow(role, permission)));
        }
    }
}
