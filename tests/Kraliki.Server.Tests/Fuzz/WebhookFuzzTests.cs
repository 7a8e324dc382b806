using System.Text.Json;
using Kraliki.Server.Tests.Telephony;

namespace Kraliki.Server.Tests.Fuzz;

/// <summary>What a carrier that we believe could send by mistake: signed, but odd.</summary>
public sealed class WebhookFuzzTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Odd_fields_with_a_good_signature_are_no_fault_of_ours()
    {
        var settings = new Dictionary<string, string>(TestCarrier.Settings);
        foreach (var (key, value) in RunningServer.Silent)
        {
            settings[key] = value;
        }

        await using var server = await RunningServer.StartAsync(Cancel, new ServerSetup(Settings: settings));

        // As form fields they are plain texts; a lone surrogate cannot be written as one.
        var texts = Hostility.Values.Where(value => !value.Contains("\\ud800", StringComparison.Ordinal))
            .Select(value => value.StartsWith('"') ? JsonSerializer.Deserialize<string>(value)! : value)
            .Append("completed").ToList();
        foreach (var path in new[] { "voice", "voice?session=nonsense", "voice?session=00000000-0000-0000-0000-000000000000", "status", "after-stream" })
        {
            foreach (var field in new[] { "CallSid", "CallStatus", "From", "To", "Surplus" })
            {
                foreach (var text in texts)
                {
                    using var carrier = new TestCarrier(server.Url);
                    using var answer = await carrier.PostAsync($"telephony/twilio/{path}", Cancel, new Dictionary<string, string> { [field] = text });
                    Assert.True((int)answer.StatusCode is 200 or 204 or 400 or 403, $"{path} answered {(int)answer.StatusCode} to {field} = {JsonSerializer.Serialize(text[..Math.Min(text.Length, 80)])}");
                }
            }
        }
    }
}
