using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Kraliki.Contracts;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.StaticAssets;
using Microsoft.Extensions.DependencyInjection;

namespace Kraliki.Server.Tests.Tenancy;

/// <summary>
/// Calls every operation of the API as everybody: nobody, another organisation's administrator with our ids, each role, and
/// people whose right has ended. What they get stands in <see cref="Expectations"/>; a new operation without a line there,
/// or a hidden route that is not listed, fails.
/// </summary>
public sealed partial class TenantMatrix(TwoOrganisations world, ITestOutputHelper output) : IClassFixture<TwoOrganisations>
{
    private const string Nobody = "nobody";
    private const string Stranger = "another organisation";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_operation_has_an_expectation_and_every_expectation_an_operation()
    {
        var described = (await DescribedAsync()).Select(operation => operation.Name).ToHashSet();
        var expected = Expectations.All.Select(row => row.Operation).ToList();
        Assert.Equal(expected.Distinct(), expected);
        Assert.True(described.IsSubsetOf(expected), $"Who may call these? Say it in {nameof(Expectations)}: {string.Join(", ", described.Except(expected))}");
        Assert.True(described.IsSupersetOf(expected), $"In {nameof(Expectations)}, but not in the API: {string.Join(", ", expected.Except(described))}");
        Assert.All(Expectations.All, row => Assert.Contains(row.Needs, Permissions.All.Append(Expectations.Open).Append(Expectations.SignedIn)));
    }

    [Fact]
    public async Task The_documentation_of_every_operation_says_what_it_needs()
    {
        var wrong = (await DescribedAsync()).Join(Expectations.All, operation => operation.Name, row => row.Operation, (operation, row) => (operation, row))
            .Where(pair => pair.operation.Needs != pair.row.Needs)
            .Select(pair => $"{pair.row.Operation} is described as needing \"{pair.operation.Needs}\"; it needs \"{pair.row.Needs}\"");
        Assert.True(!wrong.Any(), string.Join('\n', wrong));
    }

    [Fact]
    public void Every_route_asks_for_what_its_expectation_says()
    {
        List<string> wrong = [];
        foreach (var (operation, endpoint) in Routes())
        {
            var asks = endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null
                ? Expectations.Open
                : string.Join(" and ", endpoint.Metadata.GetOrderedMetadata<IAuthorizeData>().Select(data => data.Policy).OfType<string>().DefaultIfEmpty(Expectations.SignedIn));
            var wanted = Expectations.All.FirstOrDefault(row => row.Operation == operation)?.Needs
                ?? (Expectations.Hidden.ContainsKey(operation) ? Expectations.Open : $"a line in {nameof(Expectations)}");
            if (asks != wanted)
            {
                wrong.Add($"{operation} asks for {asks}; expected: {wanted}");
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        Assert.True(Routes().Select(route => route.Operation).ToHashSet().IsSupersetOf(Expectations.Hidden.Keys), "A hidden route is listed that does not exist.");
    }

    [Fact]
    public async Task Hidden_routes_answer_strangers_as_listed()
    {
        using var client = world.Server.Anonymous();
        foreach (var (operation, (answer, _)) in Expectations.Hidden)
        {
            var (method, path) = (operation.Split(' ')[0], Parameter().Replace(operation.Split(' ')[1], Guid.CreateVersion7().ToString()));
            using var got = await client.SendAsync(new HttpRequestMessage(new HttpMethod(method == "ANY" ? "GET" : method), path), Cancel);
            Assert.True(answer == (int)got.StatusCode, $"{operation} answered {(int)got.StatusCode} to a stranger instead of {answer}.");
        }
    }

    [Fact]
    public async Task Every_operation_answers_everybody_as_expected_and_tells_strangers_nothing_of_ours()
    {
        List<string> wrong = [];
        var table = new StringBuilder();
        var summaries = (await DescribedAsync()).ToDictionary(operation => operation.Name, operation => operation.Summary);
        foreach (var row in Expectations.All)
        {
            var got = new Dictionary<string, int>();
            await StrangersAsync(row, got, wrong);
            foreach (var role in Enum.GetValues<UserRole>())
            {
                var caller = row.Fresh ? await world.JoinAsync(role) : world.Our(role);
                var answer = await CallAsync(row, caller.Client, await TargetAsync(row, caller));
                Check(row, role.ToString(), Expectations.Allow(role, row.Needs) ? row.Answer : 403, answer, got, wrong);
            }

            table.Append($"| `{row.Operation}` | {summaries.GetValueOrDefault(row.Operation)} | {row.Needs} | ")
                .AppendJoin(" | ", got.Where(caller => !world.Ended.ContainsKey(caller.Key)).Select(caller => caller.Value).Select(status => status == row.Answer ? "✓" : $"{status}")).Append(" |\n");
        }

        var document = Document(table.ToString());
        output.WriteLine(document);
        Assert.True(wrong.Count == 0, $"{wrong.Count} answers are not as expected:\n{string.Join('\n', wrong)}");
        await Repository.AssertSnapshotAsync("docs/permissions.md", document, Cancel);
    }

    /// <summary>Those who must not get at what is ours: afterwards every row of ours is as it was.</summary>
    private async Task StrangersAsync(Expectation row, Dictionary<string, int> got, List<string> wrong)
    {
        var target = await TargetAsync(row, world.Our(UserRole.Admin));
        var stranger = row.Fresh ? await world.JoinAsync(world.Stranger, UserRole.Admin) : world.Stranger;
        var before = await world.OurRowsAsync();
        using (var nobody = world.Server.Anonymous())
        {
            Check(row, Nobody, row.Needs == Expectations.Open ? row.Answer : 401, await CallAsync(row, nobody, target), got, wrong);
        }

        foreach (var (how, person) in world.Ended.Where(_ => row.Needs != Expectations.Open))
        {
            Check(row, how, 401, await CallAsync(row, person.Client, target), got, wrong);
        }

        var answer = await CallAsync(row, stranger.Client, target);
        Check(row, Stranger, row.ForStranger, answer, got, wrong);
        if (row.ForStranger == 404 && target is not null)
        {
            // What is ours must look to them like what does not exist, by every path.
            var unknown = Guid.CreateVersion7().ToString();
            var nothing = await CallAsync(row, stranger.Client, unknown);
            if (Without(answer, target) != Without(nothing, unknown))
            {
                wrong.Add($"{row.Operation} tells our id from one that does not exist: {answer} {nothing}");
            }

            var alias = row with { Operation = row.Operation.Replace("/api/v1/", "/api/", StringComparison.Ordinal) };
            Check(alias, Stranger, 404, await CallAsync(alias, stranger.Client, target), got, wrong);
        }

        wrong.AddRange(Leaks(before, answer, target).Where(_ => !row.Everybodys).Take(3).Select(leak => $"{row.Operation} told another organisation's administrator of {leak}"));
        if (await world.OurRowsAsync() != before)
        {
            wrong.Add($"{row.Operation} changed rows of ours for somebody who may not.");
        }
    }

    private async Task<string?> TargetAsync(Expectation row, Person caller) => row.Target is null ? null : await row.Target(world, caller);

    private async Task<(int Status, string Text)> CallAsync(Expectation row, HttpClient client, string? target)
    {
        using var request = new HttpRequestMessage(new HttpMethod(row.Method), Parameter().Replace(row.Path.Replace("{number}", "1", StringComparison.Ordinal), target ?? "none"));
        if (row.Body is not null)
        {
            var body = row.Body.Replace("{target}", target, StringComparison.Ordinal)
                .Replace("{new}", $"{Guid.CreateVersion7():N}", StringComparison.Ordinal)
                .Replace("{password}", world.Stranger.Password, StringComparison.Ordinal);
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        }

        if (row.Versioned)
        {
            request.Headers.IfMatch.Add(EntityTagHeaderValue.Any);
        }

        using var answer = await client.SendAsync(request, Cancel);
        return ((int)answer.StatusCode, $"{await answer.Content.ReadAsStringAsync(Cancel)} {answer.Headers}{answer.Content.Headers}");
    }

    private static void Check(Expectation row, string caller, int expected, (int Status, string Text) answer, Dictionary<string, int> got, List<string> wrong)
    {
        got[caller] = answer.Status;
        if (answer.Status != expected)
        {
            wrong.Add($"{row.Operation} as {caller}: {answer.Status} instead of {expected}. {answer.Text.ReplaceLineEndings(" ")}");
        }
    }

    /// <summary>Our ids and texts in an answer, besides the one that was asked for.</summary>
    private static IEnumerable<string> Leaks(string ourRows, (int Status, string Text) answer, string? asked)
    {
        var ids = Id().Matches(ourRows).Select(match => match.Value).Distinct(StringComparer.OrdinalIgnoreCase);
        return ids.Append(TwoOrganisations.Marker)
            .Where(secret => !secret.Equals(asked, StringComparison.OrdinalIgnoreCase))
            .Where(secret => answer.Text.Contains(secret, StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>An answer without what differs between any two: the id that was asked for, the request's own, the time.</summary>
    private static string Without((int Status, string Text) answer, string asked) =>
        $"{answer.Status} {Fleeting().Replace(answer.Text.Replace(asked, "", StringComparison.OrdinalIgnoreCase), "")}";

    private static string Document(string rows) =>
        $"""
        # Who may do what

        What the running server answered when the tenant matrix (`TenantMatrix` of the server's tests) called every operation as
        everybody. ✓ is let in, even if the request itself then makes no sense (a made-up token of a mail); 401 asks to sign in, 403
        is not permitted, 404 does not exist for the asker. Another organisation's administrator asks with ids of ours; a ✓ there
        shows or changes only what is their own. Administrators who were signed out, deactivated or demoted a moment ago get what
        nobody gets.

        | operation | what it does | needs | {Nobody} | {Stranger} | {string.Join(" | ", Enum.GetNames<UserRole>().Select(name => name.ToLowerInvariant()))} |
        |---|---|---|---|---|---|---|---|---|
        {rows}
        """;

    private async Task<List<(string Name, string? Summary, string Needs)>> DescribedAsync()
    {
        using var client = world.Server.Anonymous();
        var document = JsonNode.Parse(await client.GetStringAsync("openapi/v1.json", Cancel))!;
        return [.. from path in document["paths"]!.AsObject()
                   from operation in path.Value!.AsObject()
                   where operation.Value is JsonObject
                   let description = operation.Value
                   let needs = (string?)description["x-permission"] ?? (description["security"] is JsonArray { Count: 0 } ? Expectations.Open : Expectations.SignedIn)
                   select ($"{operation.Key.ToUpperInvariant()} {path.Key}", (string?)description["summary"], needs)];
    }

    /// <summary>Every route of the server but files: the console's, the catch-all that says which it has not, and the reference page's.</summary>
    private IEnumerable<(string Operation, RouteEndpoint Endpoint)> Routes() =>
        from endpoint in world.Server.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
        where endpoint.Metadata.GetMetadata<StaticAssetDescriptor>() is null && !endpoint.RoutePattern.RawText!.Contains("{**", StringComparison.Ordinal)
        let path = "/" + Constraint().Replace(endpoint.RoutePattern.RawText!.TrimStart('/'), "{$1}").TrimEnd('/')
        where path != "/docs" && !path.StartsWith("/docs/", StringComparison.Ordinal)
        from method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["ANY"]
        select ($"{method} {path}", endpoint);

    [GeneratedRegex(@"\{[^}]+\}")]
    private static partial Regex Parameter();

    [GeneratedRegex(@"\{(\w+)[^}]*\}")]
    private static partial Regex Constraint();

    [GeneratedRegex(@"""request_id"":""[^""]*""|(Date|X-Request-ID|traceparent): [^\n]*", RegexOptions.IgnoreCase)]
    private static partial Regex Fleeting();

    [GeneratedRegex("[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}")]
    private static partial Regex Id();
}
