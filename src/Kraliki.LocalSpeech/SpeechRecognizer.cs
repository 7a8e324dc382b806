using System.Runtime.InteropServices;
using System.Text;
using Kraliki.LocalSpeech.Native;

namespace Kraliki.LocalSpeech;

/// <param name="Text">Lower-case words separated by single blanks; empty when no words were recognised.</param>
/// <param name="Confidence">0–1: the words' mean posterior probability, weighted by their length in time; null without words.</param>
public sealed record Recognition(string Text, double? Confidence)
{
    public static Recognition Nothing { get; } = new("", null);

    /// <summary>Nobody had the time to listen: that there are no words says nothing about what was said.</summary>
    public bool Refused { get; init; }
}

/// <summary>What the decoder learned of one speaker's line (its cepstral mean), carried from utterance to utterance.</summary>
public sealed class SpeakerMemory
{
    internal float[]? CepstralMean { get; set; }
}

/// <summary>
/// Recognises English speech by PocketSphinx with a language model of the demo's domain mixed into the general one. About
/// 0.2 s of CPU per second of audio, and 158 MB of memory each.
/// </summary>
/// <remarks>
/// One thread at a time. A call may take tens of milliseconds: never on the call path. <see cref="RecognizerPool"/> gives
/// decoders threads of their own.
/// </remarks>
public sealed unsafe class SpeechRecognizer : IDisposable
{
    // Measured: domain-only models collapse on unfamiliar wording, the general one alone mishears the domain.
    private const float DomainWeight = 0.7f;

    // "uh-huh" has 380 ms, "okay" 500: before this, a first guess is mostly a wrong word, and would look like an interruption.
    private const int TellingVoicedMs = 450;

    // Short sounds of which the decoder makes words with less than this are no words: measured 0.1–0.25, real words above 0.35.
    private const double LeastConfidence = 0.3;

    // The types of ngram_file_type_t: 0 lets the library look at the file.
    private const int AnyFileType = 0;

    // The cepstral mean of speech through G.711, averaged over four voices. The model's own default is that of recordings up
    // to 7 kHz; with it two of three words of an unknown speaker's first utterance were misheard.
    private static readonly float[] TelephoneMean = [47.6f, 28.7f, -26.8f, 50.7f, -25.9f, 12.8f, 5.5f, -18f, 13f, -16.8f, 14f, -0.5f, 0f];

    private static readonly Lazy<string> DomainModel = new(() => new TrigramModel(DomainSentences.All).ToArpa());

    private readonly nint _decoder;
    private readonly nint _config;
    private readonly Resampler _doubler = new(8000, 16000);
    private readonly Voicing _voicing = new();
    private readonly short[] _pcm16k = new short[3202];
    private SpeakerMemory? _speaker;
    private bool _started;

    /// <summary>Loads models: about a second.</summary>
    /// <exception cref="SpeechPartsMissingException"/>
    public SpeechRecognizer()
    {
        SpeechParts.Require();
        _config = Configure();
        _decoder = PocketSphinx.Init(_config);
        if (_decoder == 0)
        {
            throw new InvalidOperationException($"PocketSphinx refused its models in {PocketSphinx.ModelDirectory}.");
        }

        UseMixedLanguageModel();
    }

    /// <summary>Begins an utterance.</summary>
    /// <param name="speaker">Remembered from this speaker's earlier utterances and updated at the end of this one; null starts fresh.</param>
    public void Start(SpeakerMemory? speaker = null)
    {
        _speaker = speaker;
        fixed (float* mean = speaker?.CepstralMean ?? TelephoneMean)
        {
            PocketSphinx.SetCepstralMean(PocketSphinx.CepstralMeans(_decoder), mean);
        }

        _doubler.Reset();
        _voicing.Reset();
        _ = PocketSphinx.StartUtterance(_decoder);
        _started = true;
    }

    /// <summary>Decodes a piece of the utterance: PCM16 at 8 kHz, any length.</summary>
    public void Feed(ReadOnlySpan<short> pcm8k)
    {
        _voicing.Hear(pcm8k);
        while (!pcm8k.IsEmpty)
        {
            var piece = pcm8k[..Math.Min(pcm8k.Length, 1600)];
            int count = _doubler.Process(piece, _pcm16k);
            fixed (short* samples = _pcm16k)
            {
                _ = PocketSphinx.ProcessRaw(_decoder, samples, (nuint)count, noSearch: 0, fullUtterance: 0);
            }

            pcm8k = pcm8k[piece.Length..];
        }
    }

    /// <summary>What was recognised so far; later words may change it. Empty until enough was heard to tell a word from a mere sound.</summary>
    public string Partial => _voicing.VoicedMs < TellingVoicedMs ? "" : Hypothesis;

    private string Hypothesis
    {
        get
        {
            int score;
            return Marshal.PtrToStringUTF8(PocketSphinx.Hypothesis(_decoder, &score)) ?? "";
        }
    }

    /// <summary>Ends the utterance.</summary>
    public Recognition Finish()
    {
        _ = PocketSphinx.EndUtterance(_decoder);
        _started = false;
        if (_speaker is { } speaker)
        {
            // A new array each time: the speaker's next utterance may have started on another decoder already.
            var learned = new float[PocketSphinx.CepstrumLength];
            fixed (float* mean = learned)
            {
                PocketSphinx.GetCepstralMean(PocketSphinx.CepstralMeans(_decoder), mean);
            }

            speaker.CepstralMean = learned;
        }

        string text = Hypothesis;
        if (text.Length == 0 || _voicing.VoicedMs < Voicing.LeastOfAWordMs)
        {
            return Recognition.Nothing;
        }

        double confidence = Confidence();
        return confidence < LeastConfidence && _voicing.VoicedMs < TellingVoicedMs ? Recognition.Nothing : new(text, confidence);
    }

    public void Dispose()
    {
        if (_started)
        {
            _ = PocketSphinx.EndUtterance(_decoder);
            _started = false;
        }

        _ = PocketSphinx.Free(_decoder);
        _ = PocketSphinx.FreeArguments(_config);
    }

    private double Confidence()
    {
        double weighted = 0;
        int frames = 0;
        nint logMath = PocketSphinx.LogMath(_decoder);
        for (nint segment = PocketSphinx.FirstSegment(_decoder); segment != 0; segment = PocketSphinx.NextSegment(segment))
        {
            // Fillers ("<sil>", "[NOISE]") and the sentence's ends are no words.
            if ((*(byte*)PocketSphinx.SegmentWord(segment)) is (byte)'<' or (byte)'[')
            {
                continue;
            }

            int first, last, acoustic, language, backOff;
            PocketSphinx.SegmentFrames(segment, &first, &last);
            int posterior = PocketSphinx.SegmentPosterior(segment, &acoustic, &language, &backOff);
            weighted += Math.Min(1, PocketSphinx.Exp(logMath, posterior)) * (last - first + 1);
            frames += last - first + 1;
        }

        return frames == 0 ? 0 : weighted / frames;
    }

    private static nint Configure()
    {
        string[] arguments =
        [
            "kraliki",
            "-hmm", Path.Combine(PocketSphinx.ModelDirectory, "en-us"),
            "-dict", Path.Combine(PocketSphinx.ModelDirectory, "cmudict-en-us.dict"),
            "-logfn", "/dev/null",
            // The second, flat pass costs a third of the time and gains nothing with this model; the beam bounds the slowest frames.
            "-fwdflat", "no",
            "-maxhmmpf", "3000",
        ];
        nint[] pointers = [.. arguments.Select(Marshal.StringToCoTaskMemUTF8)];
        try
        {
            fixed (nint* first = pointers)
            {
                return PocketSphinx.ParseArguments(0, PocketSphinx.ArgumentDefinitions(), pointers.Length, first, strict: 0);
            }
        }
        finally
        {
            Array.ForEach(pointers, Marshal.FreeCoTaskMem);
        }
    }

    private void UseMixedLanguageModel()
    {
        foreach (var (word, phones) in DomainSentences.Pronunciations)
        {
            _ = PocketSphinx.AddWord(_decoder, word, phones, update: 0);
        }

        nint logMath = PocketSphinx.LogMath(_decoder);
        string domainFile = Path.Combine(Path.GetTempPath(), $"kraliki-{Guid.CreateVersion7():N}.lm");
        try
        {
            File.WriteAllText(domainFile, DomainModel.Value, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
            nint domain = PocketSphinx.ReadLanguageModel(_config, domainFile, AnyFileType, logMath);
            nint general = PocketSphinx.ReadLanguageModel(_config, Path.Combine(PocketSphinx.ModelDirectory, "en-us.lm.bin"), AnyFileType, logMath);
            nint* models = stackalloc nint[] { domain, general };
            nint* names = stackalloc nint[] { Marshal.StringToCoTaskMemUTF8("domain"), Marshal.StringToCoTaskMemUTF8("general") };
            float* weights = stackalloc float[] { DomainWeight, 1 - DomainWeight };

            nint set = PocketSphinx.CreateModelSet(_config, models, names, weights, 2);
            _ = PocketSphinx.Interpolate(set, names, weights);
            _ = PocketSphinx.SetLanguageModel(_decoder, "mixed", set);
            _ = PocketSphinx.SetSearch(_decoder, "mixed");

            // The set took over both models, and the decoder the set: nothing of them is freed here.
            Marshal.FreeCoTaskMem(names[0]);
            Marshal.FreeCoTaskMem(names[1]);
        }
        finally
        {
            File.Delete(domainFile);
        }
    }
}
