using Kraliki.LocalSpeech;

namespace Kraliki.Voice.Tests.LocalSpeech;

public sealed class SpeakingTests
{
    [Fact]
    public void Every_voice_speaks_at_the_telephones_rate()
    {
        foreach (var voice in Enum.GetValues<VoiceName>())
        {
            short[] pcm = SpeechSynthesizer.Speak("We are open from nine to six.", voice);
            Assert.InRange(pcm.Length / (double)SpeechSynthesizer.SampleRate, 1, 4);
            Assert.InRange(pcm.Max(), 3000, short.MaxValue);
        }
    }

    [Fact]
    public void Text_without_words_is_silent() => Assert.Empty(SpeechSynthesizer.Speak(" … ", VoiceName.Slt));

    [Fact]
    public void Voices_are_safe_from_any_thread()
    {
        short[] alone = SpeechSynthesizer.Speak("One moment, please.", VoiceName.Slt);
        Parallel.For(0, 8, i => Assert.Equal(alone.Length, SpeechSynthesizer.Speak("One moment, please.", VoiceName.Slt).Length));
    }

    [Theory]
    [InlineData("Hello. How are you? Fine!", "Hello.|How are you?|Fine!")]
    [InlineData("It costs 3.50 euros at 9:30.", "It costs 3.50 euros at 9:30.")]
    [InlineData("Mr. Novak and Dr. Green are here.", "Mr. Novak and Dr. Green are here.")]
    [InlineData("Yes, of course.", "Yes, of course.")]
    [InlineData("The price includes the journey there, two nights, and breakfast.", "The price includes the journey there,|two nights, and breakfast.")]
    [InlineData("  two \n lines ", "two lines")]
    [InlineData("", "")]
    public void Texts_are_spoken_phrase_by_phrase(string text, string phrases) =>
        Assert.Equal(phrases, string.Join('|', PhraseSplitter.Split(text)));

    [Fact]
    public void Long_answers_last_long_enough_to_be_interrupted()
    {
        string answer = SmallTalk.Next([new(TalkRole.Caller, "how much is a weekend in rome")]).Text;
        double seconds = PhraseSplitter.Split(answer).Sum(phrase => SpeechSynthesizer.Speak(phrase, VoiceName.Slt).Length) / 8000.0;
        Assert.InRange(seconds, 8, 20);
    }
}
