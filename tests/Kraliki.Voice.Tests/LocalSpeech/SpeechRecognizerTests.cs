using Kraliki.LocalSpeech;
using Kraliki.Voice.Audio;

namespace Kraliki.Voice.Tests.LocalSpeech;

public sealed class SpeechRecognizerTests
{
    // In the domain, but none of them is among the sentences that the language model was made from.
    private static readonly string[] Unseen =
    [
        "hello i would like to change the day of my trip please",
        "sure the number of my booking is four seven one nine",
        "how much would a weekend in vienna cost for two people",
        "can you move my reservation to friday morning",
        "could you tell me when you are open on saturday",
        "what is the address of your office please",
    ];

    [Fact]
    public async Task Synthetic_callers_on_a_telephone_line_are_understood()
    {
        Assert.Empty(Unseen.Intersect(DomainSentences.All));
        int words = 0, wrong = 0;
        var heard = new List<string>();
        foreach (string sentence in Unseen)
        {
            var recognition = await SharedEar.Recognizers.RecognizeAsync(Telephone(sentence), TestContext.Current.CancellationToken);
            heard.Add(recognition.Text);
            words += sentence.Split(' ').Length;
            wrong += WordErrors(sentence.Split(' '), recognition.Text.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        }

        Assert.True(wrong <= 0.15 * words, $"{wrong} of {words} words misheard: {string.Join(" / ", heard)}");
    }

    [Fact]
    public async Task Words_appear_while_the_caller_still_speaks()
    {
        var partial = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        var final = new TaskCompletionSource<Recognition>(TaskCreationOptions.RunContinuationsAsynchronously);
        var utterance = SharedEar.Recognizers.Begin(null, text => partial.TrySetResult(text), final.SetResult);
        short[] line = Telephone("i would like to book a trip to rome on monday");
        utterance.Hear(line.AsSpan(0, line.Length / 2));

        string early = await partial.Task.WaitAsync(TestContext.Current.CancellationToken);
        Assert.NotEmpty(early);
        Assert.False(final.Task.IsCompleted, "the final text came before the end of the utterance");

        utterance.Hear(line.AsSpan(line.Length / 2));
        utterance.End();
        var whole = await final.Task.WaitAsync(TestContext.Current.CancellationToken);
        Assert.EndsWith("monday", whole.Text, StringComparison.Ordinal);
        Assert.InRange(whole.Confidence!.Value, 0.5, 1);
    }

    [Fact]
    public async Task Utterances_beyond_the_capacity_wait_for_their_turn()
    {
        using var pool = new RecognizerPool(capacity: 1);
        short[] line = Telephone("goodbye");
        var all = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => pool.RecognizeAsync(line, TestContext.Current.CancellationToken)));
        Assert.All(all, recognition => Assert.Equal("goodbye", recognition.Text));
    }

    [Fact]
    public async Task An_utterance_that_comes_while_a_decoder_loads_waits_for_it_and_loads_no_other()
    {
        using var pool = new RecognizerPool(capacity: 2);
        pool.Prepare();
        Assert.Equal("goodbye", (await pool.RecognizeAsync(Telephone("goodbye"), TestContext.Current.CancellationToken)).Text);
        Assert.Equal(1, pool.Decoders);
    }

    [Fact]
    public async Task Cancelled_utterance_frees_its_decoder()
    {
        using var pool = new RecognizerPool(capacity: 1);
        var abandoned = pool.Begin(null, null, _ => Assert.Fail("a cancelled utterance reported a result"));
        abandoned.Hear(Telephone("hello"));
        abandoned.Cancel();
        var next = await pool.RecognizeAsync(Telephone("goodbye"), TestContext.Current.CancellationToken);
        Assert.Equal("goodbye", next.Text);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Silence_and_noise_are_no_words(bool noise)
    {
        short[] line = noise ? Sounds.Noise(1000, 0.05) : new short[8000];
        Assert.Equal("", (await SharedEar.Recognizers.RecognizeAsync(line, TestContext.Current.CancellationToken)).Text);
    }

    /// <summary>The caller's voice through G.711, between pauses.</summary>
    private static short[] Telephone(string text)
    {
        short[] line = [.. new short[2400], .. SpeechSynthesizer.Speak(text, VoiceName.Rms), .. new short[4000]];
        return [.. line.Select(sample => G711.Decode(G711.Encode(sample)))];
    }

    /// <summary>Edit distance over words.</summary>
    private static int WordErrors(string[] said, string[] heard)
    {
        int[] row = [.. Enumerable.Range(0, heard.Length + 1)];
        foreach (string word in said)
        {
            int diagonal = row[0]++;
            for (int i = 0; i < heard.Length; i++)
            {
                int substituted = diagonal + (word == heard[i] ? 0 : 1);
                diagonal = row[i + 1];
                row[i + 1] = Math.Min(substituted, Math.Min(row[i], row[i + 1]) + 1);
            }
        }

        return row[^1];
    }
}
