using System.Globalization;
using Kraliki.Simulators.Callers;
using Kraliki.Simulators.OpenAI;
using Kraliki.Simulators.Twilio;

namespace Kraliki.Chaos;

/// <summary>The carrier, its callers and the AI provider, in this process. Callers ask on and on until they are made to hang up.</summary>
public sealed class Telephone : IAsyncDisposable
{
    public const string ProviderKey = "sk-chaos-0123456789";

    private int _placed;

    private Telephone(TwilioSimulator carrier, OpenAiSimulator provider)
    {
        Carrier = carrier;
        Provider = provider;
    }

    public TwilioSimulator Carrier { get; }

    public OpenAiSimulator Provider { get; }

    public static async Task<Telephone> StartAsync(CancellationToken cancellationToken)
    {
        var provider = await OpenAiSimulator.StartAsync(
            new OpenAiSimulatorOptions
            {
                Keys = [ProviderKey],
                Ear = () => new ToneSpeech.Ear(),
                Mind = Think,
                Voice = (_, _) => ToneSpeech.Answer(),
            },
            cancellationToken);
        try
        {
            var carrier = await TwilioSimulator.StartAsync(
                new TwilioSimulatorOptions { Speak = (text, _) => ToneSpeech.Speak(text) }, cancellationToken);
            return new Telephone(carrier, provider);
        }
        catch
        {
            await provider.DisposeAsync();
            throw;
        }
    }

    /// <summary>Somebody calls, from a number of his own.</summary>
    /// <param name="voice">Which voice, 0 to 9: what this caller says is not said by any other.</param>
    /// <param name="lost">What the carrier does with this call when its media connection dies without a word.</param>
    public Task<SimulatedCall> CallAsync(Uri installation, int voice, LostStream lost, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(installation);
        List<ScriptStep> steps =
        [
            .. Enumerable.Range(0, ToneSpeech.LinesPerCall).Select(line =>
                new SpeakStep(LineKind.Say, ToneSpeech.Line(voice, line), StepTiming.Answered, ScriptStep.DefaultTimeout)),
            new RepeatStep(),
        ];
        var number = Interlocked.Increment(ref _placed).ToString("000000", CultureInfo.InvariantCulture);
        return Carrier.PlaceCallAsync(
            new InboundCall(
                new Uri(installation, "telephony/twilio/voice#rc=5&rp=ct,rt,5xx&ct=1000").AbsoluteUri,
                "+12025550100",
                new CallerScript("on-and-on", "Asks on and on", "", "rms", "", null, steps),
                "+12025" + number,
                new Uri(installation, "telephony/twilio/status#rc=5&rp=ct,rt,5xx&ct=1000").AbsoluteUri,
                LostStream: lost),
            cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await Carrier.DisposeAsync();
        await Provider.DisposeAsync();
    }

    private static MindReply Think(MindInput input) =>
        new(input.Turns.LastOrDefault(turn => turn.Role == MindRole.User) is { Text.Length: > 0 } asked ? $"This is the answer to: {asked.Text}" : "Hello, what is it about?");
}
