using Kraliki.Contracts;

namespace Kraliki.Server.Insights;

/// <param name="Reason">Why, in one sentence.</param>
internal sealed record AdviceGiven(SuggestionCategory Category, string Text, string Reason);

/// <summary>What an experienced colleague would whisper, by the customer's intent and patience. Pure.</summary>
internal static class Advice
{
    /// <summary>Once may be the weather; twice in a row is about us.</summary>
    private const int Unhappy = 2;

    /// <param name="intent">Null when intents are not detected.</param>
    /// <param name="unhappyTurns">Unhappy turns in a row up to now.</param>
    public static IEnumerable<AdviceGiven> For(string? intent, int unhappyTurns)
    {
        if (unhappyTurns >= Unhappy)
        {
            yield return new(SuggestionCategory.Reply, "Acknowledge the trouble before anything else, and offer that a colleague calls back.", $"The customer has sounded unhappy for {unhappyTurns} turns.");
        }

        if (ForIntent(intent) is { } advice)
        {
            yield return advice;
        }
    }

    private static AdviceGiven? ForIntent(string? intent) => intent switch
    {
        Intents.HumanWanted => new(
            SuggestionCategory.NextBestAction, "Arrange for a colleague to call back.", "The customer asks for a person."),
        Intents.Cancellation => new(
            SuggestionCategory.Reply, "Before you cancel: ask what has changed, and offer another date instead of the cancellation.", "The customer wants to cancel."),
        Intents.ChangeBooking => new(
            SuggestionCategory.Reply, "Ask for the date that would suit better, and repeat the new date before you change anything.", "The customer wants to change a booking."),
        Intents.MissingBookingNumber => new(
            SuggestionCategory.Reply, "Say that the number stands at the top of the confirmation e-mail, and that the name and the day of travel will do as well.", "The customer has no booking number at hand."),
        Intents.Booking => new(
            SuggestionCategory.NextBestAction, "Note destination, days and number of travellers.", "The customer wants to book."),
        Intents.Price => new(
            SuggestionCategory.Reply, "Name the price per person, what it includes, and what it does not.", "The customer asks for the price."),
        Intents.Payment => new(
            SuggestionCategory.NextBestAction, "Do not let the customer read out a card number: offer the invoice by e-mail.", "The customer talks about payment."),
        _ => null,
    };
}
