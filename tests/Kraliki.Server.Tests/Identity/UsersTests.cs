using System.Net;
using System.Net.Http.Json;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Identity;
using Kraliki.Server.Operations;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Kraliki.Server.Tests.Identity;

public sealed class UsersTests(ServerFixture fixture)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_invited_person_joins_in_the_role_that_was_offered_and_signs_in_at_once()
    {
        using var admin = await NewAdminAsync();
        var email = AccountClient.NewEmail();
        using var answer = await admin.PostAsync("users", new InviteUser($" {email.ToUpperInvariant()}", UserRole.Supervisor));
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        var invitation = (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.InvitationView, Cancel))!;
        Assert.Equal((email, UserRole.Supervisor, "Nora New"), (invitation.Email, invitation.Role, invitation.InvitedBy));
        Assert.Equal(TimeSpan.FromDays(7), invitation.ExpiresAt - invitation.CreatedAt);
        Assert.Equal(invitation, Assert.Single((await admin.GetAsync<Page<InvitationView>>("invitations")).Items));

        using var guest = new AccountClient(fixture.Server);
        var token = await guest.TokenAsync(email);
        using var offer = await guest.PostAsync("auth/invitation", new MailTokenRequest(token));
        Assert.Equal(new InvitationOffer(email, UserRole.Supervisor, "New & Co", "Nora New"), await offer.Content.ReadFromJsonAsync(ContractsJson.Default.InvitationOffer, Cancel));

        using var joined = await guest.PostAsync("auth/register", new RegisterRequest("Gus Guest", AccountClient.Password, InvitationToken: token));
        Assert.Equal(new RegisterResponse(email, VerificationRequired: false), await joined.Content.ReadFromJsonAsync(ContractsJson.Default.RegisterResponse, Cancel));
        var login = await guest.SignInAsync(email);
        Assert.Equal(((await admin.GetAsync<UserView>("auth/me")).OrganisationId, UserRole.Supervisor), (login.User.OrganisationId, login.User.Role));
        Assert.Empty((await admin.GetAsync<Page<InvitationView>>("invitations")).Items);

        await AccountClient.AssertProblemAsync(HttpStatusCode.Gone, "invitation_used", await guest.PostAsync("auth/invitation", new MailTokenRequest(token)));
    }

    [Fact]
    public async Task A_withdrawn_or_replaced_invitation_says_so()
    {
        using var admin = await NewAdminAsync();
        using var guest = new AccountClient(fixture.Server);
        var email = AccountClient.NewEmail();
        var first = await InviteAsync(admin, email);
        var firstToken = await guest.TokenAsync(email);
        Assert.Equal(HttpStatusCode.NoContent, (await admin.Http.PostAsync($"api/v1/invitations/{first}/resend", content: null, Cancel)).StatusCode);
        var resentToken = await guest.TokenAsync(email);
        await AccountClient.AssertProblemAsync(HttpStatusCode.Gone, "invitation_replaced", await guest.PostAsync("auth/invitation", new MailTokenRequest(firstToken)));

        var second = await InviteAsync(admin, email);
        await AccountClient.AssertProblemAsync(HttpStatusCode.Gone, "invitation_withdrawn", await guest.PostAsync("auth/invitation", new MailTokenRequest(resentToken)));
        Assert.Equal(second, Assert.Single((await admin.GetAsync<Page<InvitationView>>("invitations")).Items).Id);

        var token = await guest.TokenAsync(email);
        Assert.Equal(HttpStatusCode.NoContent, (await admin.Http.DeleteAsync($"api/v1/invitations/{second}", Cancel)).StatusCode);
        await AccountClient.AssertProblemAsync(
            HttpStatusCode.Gone, "invitation_withdrawn", await guest.PostAsync("auth/register", new RegisterRequest("Gus", AccountClient.Password, InvitationToken: token)));
        Assert.Equal(HttpStatusCode.NotFound, (await admin.Http.DeleteAsync($"api/v1/invitations/{second}", Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await admin.Http.PostAsync($"api/v1/invitations/{second}/resend", content: null, Cancel)).StatusCode);
    }

    [Fact]
    public async Task Inviting_a_member_is_refused_and_inviting_a_stranger_with_an_account_elsewhere_tells_nothing()
    {
        using var admin = await NewAdminAsync();
        var me = await admin.GetAsync<UserView>("auth/me");
        using var own = await admin.PostAsync("users", new InviteUser(me.Email, UserRole.Agent));
        Assert.Equal("email belongs to a member of this organisation already.", Assert.Single((await AccountClient.ProblemAsync(own)).Errors!["email"]));

        using var guest = new AccountClient(fixture.Server);
        var elsewhere = await guest.NewAccountAsync();
        await InviteAsync(admin, elsewhere);
        var request = new RegisterRequest("Gus", AccountClient.Password, InvitationToken: await guest.TokenAsync(elsewhere));
        await AccountClient.AssertProblemAsync(HttpStatusCode.Conflict, "account_exists", await guest.PostAsync("auth/register", request));
        await AccountClient.AssertProblemAsync(HttpStatusCode.Conflict, "account_exists", await guest.PostAsync("auth/register", request));
    }

    [Fact]
    public async Task An_unconfirmed_registration_does_not_keep_an_invited_person_out()
    {
        using var admin = await NewAdminAsync();
        using var guest = new AccountClient(fixture.Server);
        var email = AccountClient.NewEmail();
        await guest.RegisterAsync(email, "the password of a stranger");
        var former = await guest.TokenAsync(email);
        await using var db = fixture.Server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();
        var organisation = await db.Set<User>().Where(user => user.Email == email).Select(user => user.OrganisationId).SingleAsync(Cancel);

        await InviteAsync(admin, email);
        using var joined = await guest.PostAsync("auth/register", new RegisterRequest("Gus", AccountClient.Password, InvitationToken: await guest.TokenAsync(email)));
        Assert.Equal(HttpStatusCode.Accepted, joined.StatusCode);
        var login = await guest.SignInAsync(email);
        Assert.Equal((await admin.GetAsync<UserView>("auth/me")).OrganisationId, login.User.OrganisationId);
        Assert.False(await db.Set<Organisation>().AnyAsync(row => row.Id == organisation, Cancel), "The organisation that nobody ever entered is still there.");
        await AccountClient.AssertProblemAsync(HttpStatusCode.Gone, "link_expired", await guest.PostAsync("auth/verify-email", new MailTokenRequest(former)));
    }

    [Fact]
    public async Task The_fourth_mail_of_an_invitation_has_to_wait()
    {
        using var admin = await NewAdminAsync();
        var email = AccountClient.NewEmail();
        var id = await InviteAsync(admin, email);
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(HttpStatusCode.NoContent, (await admin.Http.PostAsync($"api/v1/invitations/{id}/resend", content: null, Cancel)).StatusCode);
        }

        using var fourth = await admin.Http.PostAsync($"api/v1/invitations/{id}/resend", content: null, Cancel);
        Assert.Equal("900", fourth.Headers.RetryAfter!.ToString());
        await AccountClient.AssertProblemAsync(HttpStatusCode.TooManyRequests, "too_many_mails", fourth);
        Assert.Equal(3, (await admin.MailsAsync(email)).Count);
    }

    [Fact]
    public async Task The_fourth_invitation_to_an_address_has_to_wait_whoever_sends_it()
    {
        using var one = await NewAdminAsync();
        using var two = await NewAdminAsync();
        var email = AccountClient.NewEmail();
        await InviteAsync(one, email);
        await InviteAsync(one, email);
        await InviteAsync(two, email);

        await AccountClient.AssertProblemAsync(HttpStatusCode.TooManyRequests, "too_many_mails", await two.PostAsync("users", new InviteUser(email, UserRole.Agent)));
        Assert.Equal(3, (await one.MailsAsync(email)).Count);
    }

    [Fact]
    public async Task An_organisation_sends_two_hundred_invitations_a_day()
    {
        using var admin = await NewAdminAsync();
        var me = await admin.GetAsync<UserView>("auth/me");
        await using (var db = fixture.Server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem())
        {
            var tokens = fixture.Server.Services.GetRequiredService<MailTokens>();
            var organisation = (await db.Set<User>().SingleAsync(user => user.Id == me.Id, Cancel)).OrganisationId;
            for (var i = 0; i < MailTokens.MostInvitationsInDay - 1; i++)
            {
                await tokens.IssueAsync(db, organisation, Guid.CreateVersion7(), MailTokenPurpose.AcceptInvitation, Cancel);
            }

            await db.SaveChangesAsync(Cancel);
        }

        await InviteAsync(admin, AccountClient.NewEmail());
        using var refused = await admin.PostAsync("users", new InviteUser(AccountClient.NewEmail(), UserRole.Agent));
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromHours(23), TimeSpan.FromHours(24));
        await AccountClient.AssertProblemAsync(HttpStatusCode.TooManyRequests, "too_many_mails", refused);
    }

    [Theory]
    [InlineData("Win now https://evil.example", false)]
    [InlineData("WWW.evil example", false)]
    [InlineData("evil.example/prize", false)]
    [InlineData("Dr. Nora St.John", true)]
    [InlineData("Novák s.r.o. / Praha", true)]
    public async Task A_name_that_will_stand_in_mails_holds_no_web_address(string name, bool good)
    {
        using var nora = new AccountClient(fixture.Server);
        using var answer = await nora.PostAsync("auth/register", new RegisterRequest("Nora", AccountClient.Password, AccountClient.NewEmail(), name));
        Assert.Equal(good ? HttpStatusCode.Accepted : HttpStatusCode.BadRequest, answer.StatusCode);
        if (!good)
        {
            Assert.Equal("organisation_name must not contain a web address.", Assert.Single((await AccountClient.ProblemAsync(answer)).Errors!["organisation_name"]));
        }
    }

    [Fact]
    public async Task The_list_is_filtered_and_paged()
    {
        using var admin = await NewAdminAsync();
        var (zoe, _) = await JoinAsync(admin, UserRole.Agent, "Zoe Zebra");
        var (yan, _) = await JoinAsync(admin, UserRole.Viewer, "Yan Yak");
        using (zoe)
        using (yan)
        {
            var all = await admin.GetAsync<Page<MemberView>>("users");
            Assert.Equal(["Yan Yak", "Zoe Zebra", "Nora New"], all.Items.Select(member => member.Name));
            Assert.All(all.Items, member => Assert.Equal(MemberStatus.Active, member.Status));

            Assert.Equal("Zoe Zebra", Assert.Single((await admin.GetAsync<Page<MemberView>>("users?q=ZEB")).Items).Name);
            Assert.Equal("Yan Yak", Assert.Single((await admin.GetAsync<Page<MemberView>>("users?role=viewer")).Items).Name);
            Assert.Empty((await admin.GetAsync<Page<MemberView>>("users?status=deactivated")).Items);
            var first = await admin.GetAsync<Page<MemberView>>("users?limit=2");
            var rest = await admin.GetAsync<Page<MemberView>>($"users?limit=2&cursor={first.NextCursor}");
            Assert.Equal("Nora New", Assert.Single(rest.Items).Name);
            Assert.Null(rest.NextCursor);
            using var wrong = await admin.Http.GetAsync("api/v1/users?role=king", Cancel);
            Assert.Equal("role must be one of admin, supervisor, agent, viewer.", Assert.Single((await AccountClient.ProblemAsync(wrong)).Errors!["role"]));

            var changedSince = all.Items.Max(member => member.CreatedAt).UtcDateTime.AddTicks(1).ToString("O");
            using var renamed = await admin.PatchAsync($"users/{all.Items[1].Id}", new UpdateUser(Name: "Zoe Zorro"), all.Items[1].Version);
            Assert.Equal("Zoe Zorro", Assert.Single((await admin.GetAsync<Page<MemberView>>($"users?updated_since={changedSince}")).Items).Name);
        }
    }

    [Fact]
    public async Task A_change_needs_the_version_that_was_seen()
    {
        using var admin = await NewAdminAsync();
        var (agent, member) = await JoinAsync(admin, UserRole.Agent);
        using (agent)
        {
            await AccountClient.AssertProblemAsync(HttpStatusCode.PreconditionRequired, "precondition_required", await admin.PatchAsync($"users/{member.Id}", new UpdateUser(Name: "A")));
            using var first = await admin.PatchAsync($"users/{member.Id}", new UpdateUser(Name: "A"), member.Version);
            Assert.Equal($"\"{member.Version + 1}\"", first.Headers.ETag!.Tag);
            using var late = await admin.PatchAsync($"users/{member.Id}", new UpdateUser(Name: "B"), member.Version);
            var problem = await AccountClient.ProblemAsync(late);
            Assert.Equal((HttpStatusCode.PreconditionFailed, "version_conflict"), (late.StatusCode, problem.Code));
            Assert.Equal("A", problem.Current!.Value.GetProperty("name").GetString());
        }
    }

    [Fact]
    public async Task A_new_role_counts_at_once_and_nobody_has_to_sign_in_again()
    {
        using var admin = await NewAdminAsync();
        var (agent, member) = await JoinAsync(admin, UserRole.Agent);
        using (agent)
        {
            Assert.Equal(HttpStatusCode.Forbidden, (await agent.Http.GetAsync("api/v1/users", Cancel)).StatusCode);
            var login = await agent.SignInAsync(member.Email);
            using var changed = await admin.PatchAsync($"users/{member.Id}", new UpdateUser(Role: UserRole.Supervisor), member.Version);
            Assert.Equal(UserRole.Supervisor, (await changed.Content.ReadFromJsonAsync(ContractsJson.Default.MemberView, Cancel))!.Role);

            Assert.Equal(HttpStatusCode.Unauthorized, (await agent.Http.GetAsync("api/v1/users", Cancel)).StatusCode);
            using var refresh = await agent.PostAsync("auth/refresh", new RefreshRequest(login.RefreshToken));
            var renewed = (await refresh.Content.ReadFromJsonAsync(ContractsJson.Default.LoginResponse, Cancel))!;
            agent.Http.DefaultRequestHeaders.Authorization = new("Bearer", renewed.AccessToken);
            Assert.Equal(HttpStatusCode.OK, (await agent.Http.GetAsync("api/v1/users", Cancel)).StatusCode);
        }
    }

    [Fact]
    public async Task A_deactivated_person_is_out_at_once_and_comes_back_when_reactivated()
    {
        using var admin = await NewAdminAsync();
        var (agent, member) = await JoinAsync(admin, UserRole.Agent);
        using (agent)
        {
            var login = await agent.SignInAsync(member.Email);
            using var off = await admin.PatchAsync($"users/{member.Id}", new UpdateUser(Active: false), member.Version);
            Assert.Equal(MemberStatus.Deactivated, (await off.Content.ReadFromJsonAsync(ContractsJson.Default.MemberView, Cancel))!.Status);

            Assert.Equal(HttpStatusCode.Unauthorized, (await agent.Http.GetAsync("api/v1/auth/me", Cancel)).StatusCode);
            Assert.Equal(HttpStatusCode.Unauthorized, (await agent.PostAsync("auth/refresh", new RefreshRequest(login.RefreshToken))).StatusCode);
            await AccountClient.AssertProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials", await agent.LoginAsync(member.Email));
            var mails = (await agent.MailsAsync(member.Email)).Count;
            Assert.Equal(HttpStatusCode.Accepted, (await agent.PostAsync("auth/forgot-password", new EmailRequest(member.Email))).StatusCode);
            Assert.Equal(mails, (await agent.MailsAsync(member.Email)).Count);

            using var on = await admin.PatchAsync($"users/{member.Id}", new UpdateUser(Active: true), member.Version + 1);
            Assert.Equal(HttpStatusCode.OK, on.StatusCode);
            agent.Http.DefaultRequestHeaders.Authorization = null;
            await agent.SignInAsync(member.Email);
        }
    }

    [Fact]
    public async Task The_last_administrator_stays_one()
    {
        using var admin = await NewAdminAsync();
        var me = Assert.Single((await admin.GetAsync<Page<MemberView>>("users")).Items);
        foreach (var change in new[] { new UpdateUser(Role: UserRole.Agent), new UpdateUser(Active: false) })
        {
            await AccountClient.AssertProblemAsync(HttpStatusCode.Conflict, "last_administrator", await admin.PatchAsync($"users/{me.Id}", change, me.Version));
        }

        var (other, _) = await JoinAsync(admin, UserRole.Admin);
        using (other)
        {
            await AccountClient.AssertProblemAsync(HttpStatusCode.Conflict, "own_account", await admin.PatchAsync($"users/{me.Id}", new UpdateUser(Role: UserRole.Agent), me.Version));
        }
    }

    [Fact]
    public async Task Two_administrators_who_demote_each_other_at_once_leave_one()
    {
        using var first = await NewAdminAsync();
        var firstMember = Assert.Single((await first.GetAsync<Page<MemberView>>("users")).Items);
        var (second, secondMember) = await JoinAsync(first, UserRole.Admin);
        using (second)
        {
            var answers = await Task.WhenAll(
                first.PatchAsync($"users/{secondMember.Id}", new UpdateUser(Role: UserRole.Agent), secondMember.Version),
                second.PatchAsync($"users/{firstMember.Id}", new UpdateUser(Role: UserRole.Agent), firstMember.Version));
            Assert.Single(answers, answer => answer.StatusCode == HttpStatusCode.OK);

            await using var db = fixture.Server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();
            var organisation = await db.Set<User>().Where(user => user.Id == firstMember.Id).Select(user => user.OrganisationId).SingleAsync(Cancel);
            Assert.Equal(1, await db.Set<User>().CountAsync(user => user.OrganisationId == organisation && user.Role == UserRole.Admin, Cancel));
        }
    }

    [Fact]
    public async Task Each_act_stands_in_the_audit_log()
    {
        using var admin = await NewAdminAsync();
        var (agent, member) = await JoinAsync(admin, UserRole.Agent);
        using (agent)
        {
            await admin.PatchAsync($"users/{member.Id}", new UpdateUser(Role: UserRole.Viewer, Active: false), member.Version);
            await admin.PatchAsync($"users/{member.Id}", new UpdateUser(Active: true), member.Version + 1);
            await using var db = fixture.Server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();
            var organisation = (await admin.GetAsync<UserView>("auth/me")).OrganisationId;
            var entries = await db.Set<AuditEntry>().Where(entry => entry.OrganisationId == organisation).OrderBy(entry => entry.Number).ToListAsync(Cancel);
            Assert.Equal(
                ["registered", "email_verified", "logged_in", "user_invited", "registered", "logged_in", "role_changed", "user_deactivated", "user_reactivated"],
                entries.Select(entry => entry.Action));
            Assert.Equal("From an operator to a viewer.", entries.Single(entry => entry.Action == "role_changed").Detail);
        }
    }

    private static async Task<Guid> InviteAsync(AccountClient admin, string email, UserRole role = UserRole.Agent)
    {
        using var answer = await admin.PostAsync("users", new InviteUser(email, role));
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.InvitationView, Cancel))!.Id;
    }

    private async Task<AccountClient> NewAdminAsync()
    {
        var client = new AccountClient(fixture.Server);
        await client.SignInAsync(await client.NewAccountAsync());
        return client;
    }

    /// <summary>One more person in the organisation, signed in.</summary>
    private async Task<(AccountClient Client, MemberView Member)> JoinAsync(AccountClient admin, UserRole role, string name = "Gus Guest")
    {
        var client = new AccountClient(fixture.Server);
        var email = AccountClient.NewEmail();
        await InviteAsync(admin, email, role);
        await client.PostAsync("auth/register", new RegisterRequest(name, AccountClient.Password, InvitationToken: await client.TokenAsync(email)));
        await client.SignInAsync(email);
        return (client, (await admin.GetAsync<Page<MemberView>>($"users?q={email}")).Items.Single());
    }
}
