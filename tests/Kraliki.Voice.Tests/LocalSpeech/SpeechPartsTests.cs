using Kraliki.LocalSpeech;

namespace Kraliki.Voice.Tests.LocalSpeech;

public sealed class SpeechPartsTests
{
    [Fact]
    public void This_machine_has_all_parts()
    {
        var missing = SpeechParts.Check();
        Assert.True(missing.Count == 0, string.Join(" ", missing.Select(part => part.Remedy)));
    }

    [Fact]
    public void Missing_library_is_reported_with_its_remedy()
    {
        var missing = Assert.Single(SpeechParts.Check(
        [
            ("speech synthesis", "libflite1", () => SpeechParts.Loads("libno-such-library.so.1")),
            ("English recognition model", "pocketsphinx-en-us", () => true),
        ]));
        Assert.Equal("speech synthesis", missing.Name);
        Assert.Contains("sudo apt-get install libpocketsphinx3 pocketsphinx-en-us libflite1", missing.Remedy, StringComparison.Ordinal);
        Assert.Contains(missing.Remedy, new SpeechPartsMissingException([missing]).Message, StringComparison.Ordinal);
    }
}
