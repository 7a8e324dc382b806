using System.Globalization;
using Kraliki.Contracts;

namespace Kraliki.OperatorConsole.Text;

/// <summary>What happens in a call, in the operator's words: states, endings and facts as short sentences.</summary>
public static class CallWords
{
    public static string Of(SessionState state) => state switch
    {
        SessionState.Created => "Waiting",
        SessionState.Connecting => "Connecting",
        SessionState.Active => "Live",
        SessionState.OnHold => "On hold",
        SessionState.WrapUp => "Wrapping up",
        SessionState.Completed => "Ended",
        SessionState.Failed => "Failed",
        _ => state.ToString(),
    };

    /// <summary>How a call stands after somebody else's change, and who made it.</summary>
    /// <param name="change">The newest one that people decide by; null when it has not arrived here yet.</param>
    public static string Now(SessionState state, SessionFact? change) => change switch
    {
        StateChanged moved when moved.To == state && moved.By.Contains('@', StringComparison.Ordinal) => $"The call is now “{Of(state)}”, by {moved.By}.",
        MicrophoneTaken taken => $"{taken.User} has taken the microphone. The call is “{Of(state)}”.",
        MicrophoneReleased => $"The microphone has become free. The call is “{Of(state)}”.",
        SessionUpdated => $"Details of the call were changed. It is “{Of(state)}”.",
        _ => $"The call is now “{Of(state)}”.",
    };

    public static string Of(Mood mood) => mood switch
    {
        Mood.Negative => "Unhappy",
        Mood.Positive => "Pleased",
        _ => "Even",
    };

    /// <summary>change_booking → Change booking. Intents are an open set: a name that is new here reads well enough.</summary>
    public static string Intent(string name)
    {
        var words = name.Replace('_', ' ');
        return words.Length == 0 ? words : char.ToUpperInvariant(words[0]) + words[1..];
    }

    /// <summary>Why a call ended: what happened, and whose side it was on.</summary>
    public static string Of(EndReason reason) => reason switch
    {
        EndReason.CallerHungUp => "The caller hung up.",
        EndReason.OperatorEnded => "An operator ended the call.",
        EndReason.AssistantEnded => "The assistant ended the call.",
        EndReason.CancelledBeforeConnect => "The call was cancelled before it connected.",
        EndReason.CostCapReached => "The call reached its cost limit.",
        EndReason.ConnectCarrierRefused => "The telephone carrier refused the call.",
        EndReason.ConnectCarrierTimeout => "The telephone carrier did not connect the call in time.",
        EndReason.ConnectProviderRefused => "The AI provider refused the connection.",
        EndReason.ConnectProviderUnauthorized => "The AI provider did not accept our key.",
        EndReason.ConnectProviderTimeout => "The AI provider did not answer in time.",
        EndReason.TalkCarrierLost => "The line to the telephone carrier broke.",
        EndReason.TalkCarrierIdle => "The telephone carrier stopped sending audio.",
        EndReason.TalkCarrierProtocolError => "The telephone carrier sent something that cannot be understood.",
        EndReason.TalkProviderLost => "The connection to the AI provider broke.",
        EndReason.TalkProviderError => "The AI provider reported an error it could not go on from.",
        EndReason.TalkProviderExpired => "The AI provider's time limit for one call was reached.",
        EndReason.TalkProviderStalled => "The AI provider stopped answering.",
        EndReason.TalkServerStopping => "Our server was being stopped.",
        EndReason.TalkServerLost => "Our server went down during the call.",
        EndReason.TalkServerFault => "A fault on our server ended the call.",
        _ => reason.ToString(),
    };

    /// <summary>An ending that nobody wanted.</summary>
    public static bool IsFault(EndReason reason) =>
        reason is not (EndReason.CallerHungUp or EndReason.OperatorEnded or EndReason.AssistantEnded or EndReason.CancelledBeforeConnect or EndReason.CostCapReached);

    public static string Carrier(string name) => name switch
    {
        "twilio" => "Twilio",
        "telnyx" => "Telnyx",
        _ => name,
    };

    public static string Provider(string name) => name switch
    {
        "openai" => "OpenAI",
        "gemini" => "Gemini",
        "deepgram" => "Deepgram",
        "deepgram_agent" => "Deepgram Voice Agent",
        "local" => "Local assistant",
        _ => name,
    };

    /// <summary>0:07, 12:34, 1:02:03; never negative, however the clocks differ.</summary>
    public static string Clock(TimeSpan span)
    {
        var whole = span < TimeSpan.Zero ? TimeSpan.Zero : span;
        return whole.TotalHours >= 1
            ? string.Create(CultureInfo.InvariantCulture, $"{(int)whole.TotalHours}:{whole.Minutes:00}:{whole.Seconds:00}")
            : string.Create(CultureInfo.InvariantCulture, $"{whole.Minutes}:{whole.Seconds:00}");
    }

    public static string Clock(long milliseconds) => Clock(TimeSpan.FromMilliseconds(milliseconds));

    /// <summary>The machine-readable form for a <c>time</c> element.</summary>
    public static string IsoDuration(TimeSpan span) =>
        string.Create(CultureInfo.InvariantCulture, $"PT{Math.Max(0, (long)span.TotalSeconds)}S");

    public static string Dollars(decimal amount) => amount.ToString(amount < 1 ? "$0.00##" : "$0.00", CultureInfo.InvariantCulture);

    public static string Seconds(long milliseconds) => (milliseconds / 1000.0).ToString("0.0", CultureInfo.InvariantCulture);

    /// <summary>+14155550123 → +1 415 555 0123, +420777123456 → +420 777 123 456: grouped, so that a number can be read aloud.</summary>
    public static string Number(string? number)
    {
        if (number is not ['+', .. var digits] || digits.Length < 8)
        {
            return number ?? string.Empty;
        }

        if (digits is ['1', .. { Length: 10 } american])
        {
            return $"+1 {american[..3]} {american[3..6]} {american[6..]}";
        }

        var code = CountryCodeLength(digits);
        return $"+{digits[..code]} {string.Join(' ', digits[code..].Chunk(3).Select(group => new string(group)))}";
    }

    // ITU-T E.164: zones 1 and 7 are one digit; these are the two-digit codes; every other has three.
    private static int CountryCodeLength(string digits) => digits[..2] switch
    {
        ['1' or '7', _] => 1,
        "20" or "27" or "30" or "31" or "32" or "33" or "34" or "36" or "39" => 2,
        "40" or "41" or "43" or "44" or "45" or "46" or "47" or "48" or "49" => 2,
        "51" or "52" or "53" or "54" or "55" or "56" or "57" or "58" => 2,
        "60" or "61" or "62" or "63" or "64" or "65" or "66" => 2,
        "81" or "82" or "84" or "86" or "90" or "91" or "92" or "93" or "94" or "95" or "98" => 2,
        _ => 3,
    };
}
