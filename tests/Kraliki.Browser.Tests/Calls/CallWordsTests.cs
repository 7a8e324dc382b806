using Kraliki.Contracts;
using Kraliki.OperatorConsole.Text;

namespace Kraliki.Browser.Tests.Calls;

public sealed class CallWordsTests
{
    [Fact]
    public void Every_state_and_every_ending_has_words_of_its_own()
    {
        var states = Enum.GetValues<SessionState>().Select(CallWords.Of).ToList();
        var endings = Enum.GetValues<EndReason>().Select(CallWords.Of).ToList();

        Assert.Equal(states.Count, states.Distinct().Count());
        Assert.Equal(endings.Count, endings.Distinct().Count());
        Assert.All(endings, sentence => Assert.EndsWith(".", sentence));
    }

    [Theory]
    [InlineData("+14155550101", "+1 415 555 0101")]
    [InlineData("+420777123456", "+420 777 123 456")]
    [InlineData("+4915112345678", "+49 151 123 456 78")]
    [InlineData("12", "12")]
    [InlineData(null, "")]
    public void A_number_is_grouped_to_be_read_aloud(string? number, string shown) => Assert.Equal(shown, CallWords.Number(number));

    [Theory]
    [InlineData(-5, "0:00")]
    [InlineData(65, "1:05")]
    [InlineData(3723, "1:02:03")]
    public void A_clock_never_runs_below_zero(int seconds, string shown) => Assert.Equal(shown, CallWords.Clock(TimeSpan.FromSeconds(seconds)));
}
