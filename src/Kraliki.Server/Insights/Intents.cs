using Kraliki.LocalSpeech;

namespace Kraliki.Server.Insights;

/// <summary>The local classifier's intents under the names that they have on the wire.</summary>
internal static class Intents
{
    public const string None = "none";
    public const string Cancellation = "cancellation";
    public const string ChangeBooking = "change_booking";
    public const string MissingBookingNumber = "missing_booking_number";
    public const string Booking = "booking";
    public const string Price = "price";
    public const string Payment = "payment";
    public const string HumanWanted = "human_wanted";

    /// <returns>The intent's name and a confidence of 0–1, to two places.</returns>
    public static (string Intent, double Confidence) Detect(string text)
    {
        var (intent, confidence) = TalkIntents.Classify(text);
        return (Name(intent), Math.Round(confidence, 2));
    }

    private static string Name(TalkIntent intent) => intent switch
    {
        TalkIntent.Unknown => None,
        TalkIntent.Hello => "greeting",
        TalkIntent.Hours => "opening_hours",
        TalkIntent.Address => "address",
        TalkIntent.Book => Booking,
        TalkIntent.Change => ChangeBooking,
        TalkIntent.Cancel => Cancellation,
        TalkIntent.MissingNumber => MissingBookingNumber,
        TalkIntent.Price => Price,
        TalkIntent.Trip => "trip_information",
        TalkIntent.Pay => Payment,
        TalkIntent.Travel => "travel_information",
        TalkIntent.Human => HumanWanted,
        TalkIntent.Repeat => "repetition",
        TalkIntent.Wait => "pause",
        TalkIntent.Question => "question",
        TalkIntent.Thanks => "thanks",
        TalkIntent.Goodbye => "goodbye",
        TalkIntent.Yes => "agreement",
        TalkIntent.No => "refusal",
        _ => throw new ArgumentOutOfRangeException(nameof(intent), intent, "An intent without a name."),
    };
}
