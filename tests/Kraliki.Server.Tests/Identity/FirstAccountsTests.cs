using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Kraliki.Contracts;
using Kraliki.Server.Identity;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Kraliki.Server.Tests.Identity;

public sealed class FirstAccountsTests : IDisposable
{
    private readonly string _data = Directory.CreateTempSubdirectory("kraliki-test-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string CredentialsFile => Path.Combine(_data, "demo-credentials.json");

    [Fact]
    public async Task Demo_credentials_are_printed_and_kept_for_their_owner_only()
    {
        var terminal = new StringWriter();
        await using var server = await StartAsync(terminal);

        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(CredentialsFile));
        }

        using var kept = JsonDocument.Parse(await File.ReadAllTextAsync(CredentialsFile, Cancel));
        Assert.Equal(server.Url.GetLeftPart(UriPartial.Authority), kept.RootElement.GetProperty("url").GetString());
        Assert.Equal(
            [RunningServer.Admin, RunningServer.Supervisor, RunningServer.Operator],
            kept.RootElement.GetProperty("users").EnumerateArray().Select(user => user.GetString()!));
        var password = kept.RootElement.GetProperty("password").GetString()!;
        Assert.Equal(20, password.Length);
        Assert.Contains(password, terminal.ToString());
        Assert.Contains(server.Url.GetLeftPart(UriPartial.Authority), terminal.ToString());
    }

    [Fact]
    public async Task A_restart_keeps_the_password_and_who_was_signed_in()
    {
        string password;
        string bearer;
        await using (var first = await StartAsync())
        {
            password = first.Password;
            using var client = await first.SignInAsync(Cancel);
            bearer = client.DefaultRequestHeaders.Authorization!.ToString();
        }

        await using var second = await StartAsync();
        Assert.Equal(password, second.Password);
        using var returning = second.Anonymous();
        returning.DefaultRequestHeaders.Add("Authorization", bearer);
        Assert.Equal(HttpStatusCode.OK, (await returning.GetAsync("api/v1/auth/me", Cancel)).StatusCode);
    }

    [Fact]
    public async Task A_deleted_file_means_a_new_password()
    {
        string password;
        await using (var first = await StartAsync())
        {
            password = first.Password;
        }

        File.Delete(CredentialsFile);
        await using var second = await StartAsync();
        Assert.NotEqual(password, second.Password);
        using var client = await second.SignInAsync(Cancel, RunningServer.Admin);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("api/v1/auth/me", Cancel)).StatusCode);
    }

    [Fact]
    public async Task A_new_password_stands_in_the_file_before_the_server_has_come_up()
    {
        await using var server = await StartAsync();
        var accounts = server.Services.GetRequiredService<FirstAccounts>();
        var former = server.Password;
        File.Delete(CredentialsFile);
        await accounts.EnsureAsync(Cancel);

        // A process that is killed here has told nobody yet.
        using var kept = JsonDocument.Parse(await File.ReadAllTextAsync(CredentialsFile, Cancel));
        Assert.NotEqual(former, accounts.Credentials!.Password);
        Assert.Equal(accounts.Credentials.Password, kept.RootElement.GetProperty("password").GetString());
    }

    [Fact]
    public async Task Without_the_demo_there_is_one_administrator_told_once()
    {
        var settings = new Dictionary<string, string> { ["Kraliki:Demo"] = "false" };
        await using (var first = await RunningServer.StartAsync(Cancel, new ServerSetup(_data, settings)))
        {
            using var client = first.Anonymous();
            using var login = await client.PostAsJsonAsync(
                "api/v1/auth/login",
                new LoginRequest("admin@kraliki.example", first.Password),
                ContractsJson.Default.LoginRequest,
                Cancel);
            Assert.Equal(HttpStatusCode.OK, login.StatusCode);
        }

        var terminal = new StringWriter();
        await using var second = await RunningServer.StartAsync(Cancel, new ServerSetup(_data, settings, Change: builder =>
            builder.Services.Replace(ServiceDescriptor.Singleton<TextWriter>(terminal))));
        Assert.Null(second.Services.GetRequiredService<FirstAccounts>().Credentials);
        Assert.DoesNotContain("Password", terminal.ToString());
    }

    public void Dispose() => Directory.Delete(_data, recursive: true);

    private Task<RunningServer> StartAsync(TextWriter? terminal = null) =>
        RunningServer.StartAsync(Cancel, new ServerSetup(_data, Change: builder =>
            builder.Services.Replace(ServiceDescriptor.Singleton(terminal ?? TextWriter.Null))));
}
