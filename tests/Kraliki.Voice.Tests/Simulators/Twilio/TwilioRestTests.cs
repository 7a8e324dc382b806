using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Kraliki.LocalSpeech;
using Kraliki.Simulators.Twilio;

namespace Kraliki.Voice.Tests.Simulators.Twilio;

public sealed class TwilioRestTests
{
    [Fact]
    public async Task A_created_call_is_queued_and_its_events_are_numbered()
    {
        await using var app = await TestApp.StartAsync(new TwilioSimulatorOptions { CalleeScript = TestApp.Script("- hang_up: true\n  after: speech+50ms") });

        var (status, call) = await PostAsync(app, "Calls.json",
            ("To", "+12025550101"), ("From", "+12025550100"), ("Url", $"{app.Url}/voice"), ("StatusCallback", $"{app.Url}/status"),
            ("StatusCallbackEvent", "initiated"), ("StatusCallbackEvent", "ringing"), ("StatusCallbackEvent", "answered"), ("StatusCallbackEvent", "completed"));
        var stream = await app.StreamAsync();
        await stream.StartAsync();
        await stream.SpeakAsync(TestApp.Speech(100));
        await stream.DrainAsync();

        Assert.Equal(HttpStatusCode.Created, status);
        Assert.Equal(("queued", "outbound-api"), (call.GetProperty("status").GetString(), call.GetProperty("direction").GetString()));
        for (var number = 0; number < 4; number++)
        {
            var callback = await app.StatusAsync();
            Assert.Equal(($"{number}", new[] { "initiated", "ringing", "in-progress", "completed" }[number]), (callback.Form["SequenceNumber"], callback.Form["CallStatus"]));
        }
        Assert.True(app.Asked.TryDequeue(out var webhook));
        Assert.Equal("in-progress", webhook.Form["CallStatus"]);
        await TestApp.EndAsync(app.Carrier.Find(call.GetProperty("sid").GetString()!)!);
        var (_, fetched) = await GetAsync(app, $"Calls/{call.GetProperty("sid").GetString()}.json");
        Assert.Equal(("completed", JsonValueKind.String), (fetched.GetProperty("status").GetString(), fetched.GetProperty("duration").ValueKind));
    }

    [Theory]
    [InlineData("12", "+12025550100", "http://x/", 21211)]
    [InlineData("", "+12025550100", "http://x/", 21201)]
    [InlineData("+12025550101", "me", "http://x/", 21212)]
    [InlineData("+12025550101", "+12025550100", "nowhere", 21205)]
    public async Task A_wrong_parameter_is_refused_in_Twilio_s_shape(string to, string from, string url, int code)
    {
        await using var app = await TestApp.StartAsync();

        var (status, error) = await PostAsync(app, "Calls.json", ("To", to), ("From", from), ("Url", url));

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal((code, 400, $"https://www.twilio.com/docs/errors/{code}"), (error.GetProperty("code").GetInt32(), error.GetProperty("status").GetInt32(), error.GetProperty("more_info").GetString()));
    }

    [Fact]
    public async Task A_wrong_key_is_refused()
    {
        await using var app = await TestApp.StartAsync();

        var (status, error) = await SendAsync(app, HttpMethod.Get, "Calls.json", null, token: "wrong");

        Assert.Equal((HttpStatusCode.Unauthorized, 20003), (status, error.GetProperty("code").GetInt32()));
    }

    [Fact]
    public async Task An_unknown_call_is_not_found()
    {
        await using var app = await TestApp.StartAsync();

        var (status, error) = await GetAsync(app, "Calls/CA0.json");

        Assert.Equal((HttpStatusCode.NotFound, 20404), (status, error.GetProperty("code").GetInt32()));
    }

    [Fact]
    public async Task The_application_ends_a_call()
    {
        await using var app = await TestApp.StartAsync();
        var call = await app.CallAsync("- wait: 30s");
        var stream = await app.StreamAsync();
        await stream.StartAsync();

        var (status, _) = await PostAsync(app, $"Calls/{call.Sid}.json", ("Status", "completed"));
        var events = await stream.DrainAsync();

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("stop", events[^1]);
        Assert.Equal((CallEnder.App, "rest"), ((await TestApp.EndAsync(call)).End!.By, call.Report().End!.How));
    }

    [Fact]
    public async Task The_application_redirects_a_live_call()
    {
        await using var app = await TestApp.StartAsync();
        var call = await app.CallAsync("- wait: 30s");
        var stream = await app.StreamAsync();
        await stream.StartAsync();

        await PostAsync(app, $"Calls/{call.Sid}.json", ("Twiml", "<Response><Say>One moment</Say><Hangup/></Response>"));
        var events = await stream.DrainAsync();

        var report = await TestApp.EndAsync(call);
        Assert.Equal("stop", events[^1]);
        Assert.Equal(["Say One moment", "Hangup"], report.Twiml.Skip(2));
        var (late, error) = await PostAsync(app, $"Calls/{call.Sid}.json", ("Twiml", "<Response/>"));
        Assert.Equal((HttpStatusCode.BadRequest, 21220), (late, error.GetProperty("code").GetInt32()));
    }

    [Fact]
    public async Task The_control_API_places_a_call_and_gives_its_report()
    {
        await using var app = await TestApp.StartAsync();
        using var http = new HttpClient { BaseAddress = app.Carrier.BaseUrl };
        var cancellation = TestContext.Current.CancellationToken;

        using var placed = await http.PostAsJsonAsync("/_control/calls",
            new { voice_url = $"{app.Url}/voice", script_yaml = "name: a\ntitle: a\nsteps:\n- say: hello\n  after: 0ms\n- wait: 30s" }, cancellation);
        var sid = (await placed.Content.ReadFromJsonAsync<JsonElement>(cancellation)).GetProperty("call_sid").GetString()!;
        var stream = await app.StreamAsync();
        await stream.ReadAsync("media");
        using var pressed = await http.PostAsJsonAsync($"/_control/calls/{sid}/dtmf", new { digits = "5" }, cancellation);
        await stream.ReadAsync("dtmf");
        using var hungUp = await http.PostAsync($"/_control/calls/{sid}/hangup", null, cancellation);
        await stream.DrainAsync();
        var told = await http.GetStringAsync($"/_control/calls/{sid}/events", cancellation);
        var report = await http.GetFromJsonAsync<JsonElement>($"/_control/calls/{sid}", cancellation);

        Assert.Equal(HttpStatusCode.Created, placed.StatusCode);
        Assert.Contains("event: ended\ndata: {\"at_ms\":", told, StringComparison.Ordinal);
        Assert.Equal(("hello", "5"), (report.GetProperty("lines")[0].GetProperty("text").GetString(), report.GetProperty("digits_sent").GetString()));
        Assert.Equal("caller", report.GetProperty("end").GetProperty("by").GetString());
    }

    [Fact]
    public async Task The_control_API_names_a_mistake_in_a_script()
    {
        await using var app = await TestApp.StartAsync();
        using var http = new HttpClient { BaseAddress = app.Carrier.BaseUrl };

        using var refused = await http.PostAsJsonAsync("/_control/calls",
            new { voice_url = app.Url, script_yaml = "name: a\ntitle: a\nsteps:\n- shout: x" }, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.Contains("line 4, key 'shout'", (await refused.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken)).GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_synthesizer_a_call_is_refused_with_the_remedy()
    {
        await using var app = await TestApp.StartAsync(new TwilioSimulatorOptions
        {
            Speak = (_, _) => throw new SpeechPartsMissingException([new MissingSpeechPart("speech synthesis", "Install libflite1.")]),
        });
        using var http = new HttpClient { BaseAddress = app.Carrier.BaseUrl };

        using var refused = await http.PostAsJsonAsync("/_control/calls", new { voice_url = app.Url, script = "booking" }, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Contains("Install libflite1.", await refused.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    private static Task<(HttpStatusCode Status, JsonElement Body)> PostAsync(TestApp app, string path, params (string Name, string Value)[] form) =>
        SendAsync(app, HttpMethod.Post, path, new FormUrlEncodedContent(form.Select(field => KeyValuePair.Create(field.Name, field.Value))), app.Carrier.AuthToken);

    private static Task<(HttpStatusCode Status, JsonElement Body)> GetAsync(TestApp app, string path) => SendAsync(app, HttpMethod.Get, path, null, app.Carrier.AuthToken);

    private static async Task<(HttpStatusCode Status, JsonElement Body)> SendAsync(TestApp app, HttpMethod method, string path, HttpContent? content, string token)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(method, new Uri(app.Carrier.BaseUrl, $"/2010-04-01/Accounts/{app.Carrier.AccountSid}/{path}"));
        request.Content = content;
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{app.Carrier.AccountSid}:{token}")));
        using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        return (response.StatusCode, await response.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken));
    }
}
