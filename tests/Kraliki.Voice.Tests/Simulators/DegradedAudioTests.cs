using Kraliki.Simulators.Faults;

namespace Kraliki.Voice.Tests.Simulators;

public sealed class DegradedAudioTests
{
    private static readonly byte[] Piece = [1, 2, 3, 4];

    [Fact]
    public void Audio_is_what_it_is_until_a_fault_says_otherwise() => Assert.Same(Piece, new DegradedAudio().Apply(Piece, 0xFF));

    [Theory]
    [InlineData(null, new byte[] { 0xFF, 0xFF, 0xFF, 0xFF })]
    [InlineData("silence", new byte[] { 0xFF, 0xFF, 0xFF, 0xFF })]
    [InlineData("short", new byte[] { 1, 2, 3 })]
    public void Audio_is_spoilt_as_the_fault_says(string? kind, byte[] sent)
    {
        var audio = new DegradedAudio();
        audio.Begin(new Fault(FaultKind.Degrade, Code: kind));

        Assert.Equal(sent, audio.Apply(Piece, 0xFF));
    }

    [Fact]
    public void The_same_piece_comes_again_and_again()
    {
        var audio = new DegradedAudio();
        audio.Begin(new Fault(FaultKind.Degrade, Code: "repeat"));

        Assert.Equal(Piece, audio.Apply(Piece, 0xFF));
        Assert.Equal(Piece, audio.Apply([9, 8, 7, 6], 0xFF));
    }

    [Fact]
    public void Noise_is_never_twice_the_same()
    {
        var audio = new DegradedAudio();
        audio.Begin(new Fault(FaultKind.Degrade, Code: "noise"));

        Assert.NotEqual(audio.Apply(new byte[64], 0), audio.Apply(new byte[64], 0));
    }

    [Fact]
    public void Another_kind_of_damage_is_refused() =>
        Assert.Equal("Audio can be degraded by silence, repeat, noise, short, not by 'echo'.", new Fault(FaultKind.Degrade, Code: "echo").Problem());
}
