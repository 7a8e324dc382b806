using System.Security.Claims;
using Kraliki.Contracts;

namespace Kraliki.Server.Identity;

/// <summary>Who makes this request. Scoped; outside a request nobody is signed in.</summary>
public sealed class CurrentUser(IHttpContextAccessor http)
{
    private ClaimsPrincipal? Principal => http.HttpContext?.User;

    public bool SignedIn => Principal?.Identity?.IsAuthenticated == true;

    public Guid Id => Guid.Parse(Claim("sub"));

    public string Email => Claim("email");

    public UserRole Role => Enum.Parse<UserRole>(Claim("role"), ignoreCase: true);

    public Guid OrganisationId => Guid.Parse(Claim("org"));

    /// <summary>The sign-in (family of refresh tokens) that the access token belongs to.</summary>
    public Guid SignIn => Guid.Parse(Claim("sid"));

    /// <summary>For the database's filter: an id that no organisation has when nobody is signed in.</summary>
    internal Guid OrganisationOrNone => SignedIn ? OrganisationId : Guid.Empty;

    public bool May(string permission) => SignedIn && RolePermissions.Allow(Role, permission);

    private string Claim(string type) =>
        Principal?.FindFirstValue(type) ?? throw new InvalidOperationException($"Nobody is signed in (no claim \"{type}\").");
}
