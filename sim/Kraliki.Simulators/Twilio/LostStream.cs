using System.Globalization;

namespace Kraliki.Simulators.Twilio;

/// <summary>What becomes of a call whose media stream broke: the connection ended without a close frame.</summary>
public enum AfterLoss
{
    /// <summary>The carrier goes on with what follows the stream, as when the application had closed it.</summary>
    GoOn,

    /// <summary>Nothing happens and the caller hears silence, until somebody redirects the call by REST.</summary>
    Wait,

    /// <summary>The carrier ends the call.</summary>
    End,
}

/// <summary>Twilio does not say what it does then, so an application has to be tried with all of it.</summary>
/// <param name="DelayMs">How long the caller hears silence first.</param>
public sealed record LostStream(AfterLoss Then = AfterLoss.GoOn, int DelayMs = 0)
{
    /// <summary>Reads <c>go_on</c>, <c>wait</c>, <c>end</c>, each with an optional delay: <c>go_on:3000</c>.</summary>
    /// <exception cref="FormatException">It is something else; the message says what is possible.</exception>
    public static LostStream Read(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parts = text.Split(':', 2);
        var delayMs = 0;
        AfterLoss? then = parts[0] switch { "go_on" => AfterLoss.GoOn, "wait" => AfterLoss.Wait, "end" => AfterLoss.End, _ => null };
        return then is null || (parts.Length > 1 && !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out delayMs))
            ? throw new FormatException($"'{text}' is not what can follow a lost stream: go_on, wait or end, or one of them after milliseconds, as go_on:3000.")
            : new LostStream(then.Value, delayMs);
    }
}
