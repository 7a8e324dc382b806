using System.Runtime.InteropServices;

namespace Kraliki.LocalSpeech.Native;

/// <summary>The functions of PocketSphinx 5prealpha (Debian's <c>libpocketsphinx3</c>) that the recogniser calls.</summary>
internal static unsafe partial class PocketSphinx
{
    public const string DecoderLibrary = "libpocketsphinx.so.3";
    public const string BaseLibrary = "libsphinxbase.so.3";
    public const string ModelDirectory = "/usr/share/pocketsphinx/model/en-us";

    /// <summary>Cepstral coefficients per frame of the en-us model (<c>-ncep</c>, default 13).</summary>
    public const int CepstrumLength = 13;

    [LibraryImport(BaseLibrary, EntryPoint = "cmd_ln_parse_r")]
    public static partial nint ParseArguments(nint reuse, nint definitions, int count, nint* arguments, int strict);

    [LibraryImport(BaseLibrary, EntryPoint = "cmd_ln_free_r")]
    public static partial int FreeArguments(nint config);

    [LibraryImport(DecoderLibrary, EntryPoint = "ps_args")]
    public static partial nint ArgumentDefinitions();

    [LibraryImport(DecoderLibrary, EntryPoint = "ps_init")]
    public static partial nint Init(nint config);

    [LibraryImport(DecoderLibrary, EntryPoint = "ps_free")]
    public static partial int Free(nint decoder);

    [LibraryImport(DecoderLibrary, EntryPoint = "ps_get_logmath")]
    public static partial nint LogMath(nint decoder);

    [LibraryImport(BaseLibrary, EntryPoint = "logmath_exp")]
    public static partial double Exp(nint logMath, int value);

    [LibraryImport(DecoderLibrary, EntryPoint = "ps_get_feat")]
    public static partial nint Features(nint decoder);

    [LibraryImport(BaseLibrary, EntryPoint = "cmn_live_set")]
    public static partial void SetCepstralMean(nint cmn, float* mean);

    [LibraryImport(BaseLibrary, EntryPoint = "cmn_live_get")]
    public static partial void GetCepstralMean(nint cmn, float* mean);

    [LibraryImport(BaseLibrary, EntryPoint = "ngram_model_read", StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint ReadLanguageModel(nint config, string file, int type, nint logMath);

    [LibraryImport(BaseLibrary, EntryPoint = "ngram_model_set_init")]
    public static partial nint CreateModelSet(nint config, nint* models, nint* names, float* weights, int count);

    [LibraryImport(BaseLibrary, EntryPoint = "ngram_model_set_interp")]
    public static partial nint Interpolate(nint set, nint* names, float* weights);

    [LibraryImport(DecoderLibrary, EntryPoint = "ps_add_word", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int AddWord(nint decoder, string word, string phones, int update);

    [LibraryImport(DecoderLibrary, EntryPoint = "ps_set_lm", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int SetLanguageModel(nint decoder, string name, nint model);

    [LibraryImport(DecoderLibrary, EntryPoint = "ps_set_search", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int SetSearch(nint decoder, string name);

    [LibraryImport(DecoderLibrary, EntryPoint = "ps_start_utt")]
    public static partial int StartUtterance(nint decoder);

    [LibraryImport(DecoderLibrary, EntryPoint = "ps_process_raw")]
    public static partial int ProcessRaw(nint decoder, short* samples, nuint count, int noSearch, int fullUtterance);

    [LibraryImport(DecoderLibrary, EntryPoint = "ps_end_utt")]
    public static partial int EndUtterance(nint decoder);

    [LibraryImport(DecoderLibrary, EntryPoint = "ps_get_hyp")]
    public static partial nint Hypothesis(nint decoder, int* score);

    [LibraryImport(DecoderLibrary, EntryPoint = "ps_seg_iter")]
    public static partial nint FirstSegment(nint decoder);

    [LibraryImport(DecoderLibrary, EntryPoint = "ps_seg_next")]
    public static partial nint NextSegment(nint segment);

    [LibraryImport(DecoderLibrary, EntryPoint = "ps_seg_word")]
    public static partial nint SegmentWord(nint segment);

    [LibraryImport(DecoderLibrary, EntryPoint = "ps_seg_frames")]
    public static partial void SegmentFrames(nint segment, int* first, int* last);

    [LibraryImport(DecoderLibrary, EntryPoint = "ps_seg_prob")]
    public static partial int SegmentPosterior(nint segment, int* acoustic, int* language, int* backOff);

    /// <summary>
    /// The decoder's cepstral mean normalisation. No function returns it; it is <c>feat_t.cmn_struct</c> of
    /// sphinxbase/feat.h, whose layout is part of the soname's ABI: 88 bytes into the structure where pointers have 8 bytes.
    /// </summary>
    public static nint CepstralMeans(nint decoder) => *(nint*)(Features(decoder) + 88);
}
