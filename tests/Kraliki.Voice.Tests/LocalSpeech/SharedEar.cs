using Kraliki.LocalSpeech;

namespace Kraliki.Voice.Tests.LocalSpeech;

/// <summary>One pool for all tests: loading a decoder takes longer than most of them.</summary>
internal static class SharedEar
{
    public static RecognizerPool Recognizers { get; } = new(capacity: 2);
}
