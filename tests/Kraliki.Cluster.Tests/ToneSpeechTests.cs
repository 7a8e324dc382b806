using Kraliki.Chaos;

namespace Kraliki.Cluster.Tests;

public sealed class ToneSpeechTests
{
    [Theory]
    [InlineData(0, 5600)]
    [InlineData(1500, 4000)]
    [InlineData(2000, 1300)]
    public void Every_line_is_understood_whole_or_cut(int from, int length)
    {
        for (var call = 0; call < ToneSpeech.MostCalls; call++)
        {
            for (var line = 0; line < ToneSpeech.LinesPerCall; line++)
            {
                var text = ToneSpeech.Line(call, line);
                Assert.Equal(text, Understand(ToneSpeech.Speak(text).AsSpan(from, length)));
            }
        }
    }

    [Fact]
    public void A_scrap_of_a_line_is_not_guessed_at() => Assert.Equal("", Understand(ToneSpeech.Speak(ToneSpeech.Line(3, 3)).AsSpan(0, 800)));

    private static string? Understand(ReadOnlySpan<short> sound)
    {
        using var ear = new ToneSpeech.Ear();
        string? understood = null;
        ear.Begin();
        ear.Feed(new short[800]);
        ear.Feed(sound);
        ear.Feed(new short[800]);
        ear.End(heard => understood = heard);
        return understood;
    }
}
