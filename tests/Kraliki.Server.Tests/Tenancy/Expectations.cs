using Kraliki.Contracts;

namespace Kraliki.Server.Tests.Tenancy;

/// <summary>What one operation of the API is expected to answer to whom.</summary>
/// <param name="Operation">Method and path as in the OpenAPI document.</param>
/// <param name="Needs">A permission, <see cref="Expectations.SignedIn"/> or <see cref="Expectations.Open"/>.</param>
/// <param name="Answer">The status for those who may.</param>
/// <param name="Target">Makes something of ours and returns what stands for it in the path; made anew for each call that may change it.</param>
/// <param name="Body">JSON; <c>{target}</c> in it is the target's id, for operations that name it there, <c>{new}</c> something that nobody used before, <c>{password}</c> the caller's.</param>
/// <param name="Versioned">Sends If-Match.</param>
/// <param name="Fresh">The caller is a new person each time, because the call ends or changes the caller's own sign-in.</param>
/// <param name="Stranger">What another organisation's administrator gets with our id; null means 404 where the path has one, and <paramref name="Answer"/> elsewhere.</param>
/// <param name="Everybodys">Shows what belongs to all organisations, by design.</param>
internal sealed record Expectation(
    string Operation,
    string Needs,
    int Answer,
    Func<TwoOrganisations, Person, Task<string>>? Target = null,
    string? Body = null,
    bool Versioned = false,
    bool Fresh = false,
    int? Stranger = null,
    bool Everybodys = false)
{
    public string Method => Operation.Split(' ')[0];

    public string Path => Operation.Split(' ')[1];

    public int ForStranger => Stranger ?? (Path.Contains('{', StringComparison.Ordinal) && Needs != Expectations.Open ? 404 : Answer);
}

/// <summary>The table of the tenant matrix. An operation of the API that is missing here fails <see cref="TenantMatrix"/>.</summary>
internal static class Expectations
{
    /// <summary>Nobody has to be signed in.</summary>
    public const string Open = "open";

    /// <summary>Whoever is signed in, for what is the person's own or nobody's.</summary>
    public const string SignedIn = "signed in";

    public static bool Allow(UserRole role, string needs) => needs is Open or SignedIn || RolePermissions.Allow(role, needs);

    private const string NewAddress = """{"email":"{new}@nowhere.example"}""";
    private const string Instructed = """{"content":{"name":"Desk","instructions":"Be brief."}}""";
    private const string NoMailToken = """{"token":"none"}""";
    private const string NoToken = """{"refresh_token":"none"}""";

    public static IReadOnlyList<Expectation> All { get; } =
    [
        new("GET /.well-known/jwks.json", Open, 200),
        new("GET /health/providers", Open, 200),
        new("GET /api/v1/console-info", Open, 200),
        new("POST /api/v1/error-reports", SignedIn, 204, Body: """{"message":"broken"}"""),
        new("GET /api/v1/providers", Permissions.ProvidersRead, 200),
        new("GET /api/v1/providers/health", Permissions.ProvidersRead, 200),
        new("POST /api/v1/providers/{id}/probe", Permissions.ProvidersManage, 409, Provider, Stranger: 409),
        new("POST /api/v1/providers/{id}/breaker/reset", Permissions.ProvidersManage, 409, Provider, Stranger: 409),
        new("POST /api/v1/providers/validate-config", Permissions.ProvidersManage, 409),

        new("POST /api/v1/auth/login", Open, 401, Body: """{"email":"{new}@nowhere.example","password":"not the password"}"""),
        new("POST /api/v1/auth/refresh", Open, 401, Body: NoToken),
        new("POST /api/v1/auth/logout", Open, 204, Body: NoToken, Fresh: true),
        new("POST /api/v1/auth/register", Open, 202, Body: """{"name":"New","email":"{new}@nowhere.example","organisation_name":"New","password":"tapir lantern {new}"}"""),
        new("POST /api/v1/auth/verify-email", Open, 410, Body: NoMailToken),
        new("POST /api/v1/auth/resend-verification", Open, 202, Body: NewAddress),
        new("POST /api/v1/auth/invitation", Open, 410, Body: NoMailToken),
        new("POST /api/v1/auth/forgot-password", Open, 202, Body: NewAddress),
        new("POST /api/v1/auth/reset-password", Open, 410, Body: """{"token":"none","new_password":"tapir lantern {new}"}"""),
        new("POST /api/v1/auth/change-password", SignedIn, 204, Body: """{"current_password":"{password}","new_password":"tapir lantern {new}"}""", Fresh: true),
        new("GET /api/v1/auth/me", SignedIn, 200),
        new("PATCH /api/v1/auth/me", SignedIn, 200, Body: """{"name":"Somebody else"}""", Versioned: true),
        new("GET /api/v1/auth/sessions", SignedIn, 200),
        new("DELETE /api/v1/auth/sessions/{id}", SignedIn, 204, (world, caller) => world.SignInOfAsync(caller), Fresh: true),
        new("POST /api/v1/auth/logout-all", SignedIn, 204, Fresh: true),

        new("POST /api/v1/sessions", Permissions.SessionsManage, 201, Body: """{"phone_number":"+420601000222"}"""),
        new("POST /api/v1/sessions/bootstrap", Permissions.SessionsManage, 201, Body: "{}"),
        new("GET /api/v1/sessions", Permissions.SessionsRead, 200),
        new("GET /api/v1/sessions/{id}", Permissions.SessionsRead, 200, Session),
        new("PATCH /api/v1/sessions/{id}", Permissions.SessionsManage, 200, Session, """{"metadata":{"changed":"yes"}}""", Versioned: true),
        new("POST /api/v1/sessions/{id}/end", Permissions.SessionsManage, 200, Session, "{}"),
        new("POST /api/v1/sessions/{id}/microphone", Permissions.SessionsManage, 200, Session, """{"client_id":"tab-1"}"""),
        new("DELETE /api/v1/sessions/{id}/microphone", Permissions.SessionsManage, 200, Session),
        new("GET /api/v1/sessions/{id}/provider", Permissions.SessionsRead, 200, Session),
        new("GET /api/v1/sessions/{id}/usage", Permissions.SessionsRead, 200, Session),
        new("GET /api/v1/sessions/{id}/provider-health", Permissions.SessionsRead, 200, Session),
        new("GET /api/v1/sessions/{id}/switch-history", Permissions.SessionsRead, 200, Session),
        new("POST /api/v1/sessions/{id}/switch-provider", Permissions.SessionsManage, 409, Session, """{"provider":"local","reason":"Better."}"""),
        new("POST /api/v1/sessions/{id}/failover", Permissions.SessionsManage, 409, Session),
        new("GET /api/v1/sessions/{id}/failover-policy", Permissions.SessionsRead, 200, Session),
        new("PUT /api/v1/sessions/{id}/failover-policy", Permissions.SessionsManage, 200, Session, """{"enabled":true,"order":["local"],"stall_seconds":5}""", Versioned: true),
        new("POST /api/v1/sessions/{id}/ticket", Permissions.SessionsRead, 201, Session),
        new("GET /api/v1/sessions/{id}/events", Permissions.SessionsRead, 200, Session),
        new("GET /api/v1/sessions/{id}/transcript", Permissions.SessionsRead, 200, Session),

        new("GET /api/v1/assistants", Permissions.AssistantsRead, 200),
        new("GET /api/v1/assistants/tools", Permissions.AssistantsRead, 200),
        new("GET /api/v1/assistants/{id}", Permissions.AssistantsRead, 200, Assistant),
        new("GET /api/v1/assistants/{id}/versions", Permissions.AssistantsRead, 200, Assistant),
        new("GET /api/v1/assistants/{id}/versions/{number}", Permissions.AssistantsRead, 200, Assistant),
        new("POST /api/v1/assistants", Permissions.AssistantsManage, 201, Body: Instructed),
        new("PUT /api/v1/assistants/{id}", Permissions.AssistantsManage, 200, Assistant, Instructed, Versioned: true),
        new("POST /api/v1/assistants/{id}/versions/{number}/restore", Permissions.AssistantsManage, 200, Assistant),
        new("POST /api/v1/assistants/{id}/archive", Permissions.AssistantsManage, 200, Assistant),
        new("POST /api/v1/assistants/{id}/unarchive", Permissions.AssistantsManage, 200, Assistant),
        new("POST /api/v1/assistants/{id}/default", Permissions.AssistantsManage, 200, Assistant),

        new("POST /api/v1/rehearsals", Permissions.RehearsalsRun, 400, Body: """{"script":"none"}"""),
        new("GET /api/v1/rehearsals", Permissions.RehearsalsRead, 200),
        new("GET /api/v1/rehearsals/scripts", Permissions.RehearsalsRead, 200),
        new("GET /api/v1/rehearsals/{id}", Permissions.RehearsalsRead, 200, (world, _) => world.RehearsalAsync()),

        new("GET /api/v1/users", Permissions.UsersRead, 200),
        new("GET /api/v1/users/{id}", Permissions.UsersRead, 200, (world, _) => Task.FromResult(world.Our(UserRole.Admin).Id.ToString())),
        new("PATCH /api/v1/users/{id}", Permissions.UsersManage, 200, (world, _) => world.MemberAsync(), """{"role":"viewer","active":false}""", Versioned: true),
        new("POST /api/v1/users", Permissions.UsersManage, 201, Body: """{"email":"{new}@nowhere.example","role":"admin"}"""),
        new("GET /api/v1/invitations", Permissions.UsersRead, 200),
        new("DELETE /api/v1/invitations/{id}", Permissions.UsersManage, 204, (world, _) => world.InvitationAsync()),
        new("POST /api/v1/invitations/{id}/resend", Permissions.UsersManage, 204, (world, _) => world.InvitationAsync()),

        new("GET /api/v1/mailbox", Open, 200, Everybodys: true),
        new("GET /api/v1/mailbox/{id}", Open, 200, (world, _) => world.MailAsync(), Everybodys: true),

        new("GET /api/v1/audit", Permissions.AuditRead, 200),
        new("GET /api/v1/audit/export", Permissions.AuditRead, 200),
        new("GET /api/v1/audit/verification", Permissions.AuditRead, 200),

        new("GET /api/v1/flags", Permissions.FlagsRead, 200),
        new("GET /api/v1/flags/{name}", Permissions.FlagsRead, 200, Flag, Stranger: 200),
        new("PATCH /api/v1/flags/{name}", Permissions.FlagsManage, 200, Flag, """{"enabled":false}""", Versioned: true, Stranger: 200),
    ];

    /// <summary>Routes that the OpenAPI document leaves out, with what a stranger gets who simply asks, and why they are open.</summary>
    public static IReadOnlyDictionary<string, (int Answer, string Why)> Hidden { get; } = new Dictionary<string, (int Answer, string Why)>
    {
        ["GET /openapi/{documentName}.json"] = (404, "documentation"),
        ["GET /asyncapi.json"] = (200, "documentation"),
        ["ANY /health/live"] = (200, "load balancers"),
        ["ANY /health/ready"] = (200, "load balancers"),
        ["GET /ws/sessions/{id}"] = (400, "a single-use ticket in the first message; TenancyAttackTests"),
        ["POST /telephony/twilio/voice"] = (400, "the carrier's signature; WebhookTests"),
        ["POST /telephony/twilio/status"] = (400, "the carrier's signature; WebhookTests"),
        ["POST /telephony/twilio/after-stream"] = (400, "the carrier's signature; WebhookTests"),
        ["GET /telephony/twilio/media"] = (400, "a one-time token in the first message; MediaSocketTests"),
    };

    // Each organisation has flags of these names: the stranger reads and changes its own, and ours stays as it is.
    private static Task<string> Flag(TwoOrganisations world, Person caller) => Task.FromResult("enable_intent_detection");

    // The installation's providers belong to the demo's organisation, which is neither of the two.
    private static Task<string> Provider(TwoOrganisations world, Person caller) => Task.FromResult("openai");

    private static Task<string> Assistant(TwoOrganisations world, Person caller) => world.AssistantAsync();

    private static Task<string> Session(TwoOrganisations world, Person caller) => world.SessionAsync();
}
