using Kraliki.Simulators.Twilio;

namespace Kraliki.Voice.Tests.Simulators.Twilio;

public sealed class PlaybackBufferTests
{
    private readonly PlaybackBuffer _buffer = new();
    private readonly byte[] _frame = new byte[160];

    [Fact]
    public void A_mark_comes_back_when_all_audio_before_it_has_played()
    {
        _buffer.Add(Audio(400, 1));
        _buffer.AddMark("m", 0);

        Assert.Equal([[], [], [], ["m"]], Play(frames: 4));
    }

    [Fact]
    public void Audio_behind_a_mark_does_not_delay_it()
    {
        _buffer.Add(Audio(160, 1));
        _buffer.AddMark("first", 0);
        _buffer.Add(Audio(160, 2));
        _buffer.AddMark("second", 0);

        Assert.Equal([[], ["first"], ["second"]], Play(frames: 3));
    }

    [Fact]
    public void A_mark_on_an_empty_buffer_comes_back_at_once()
    {
        _buffer.AddMark("m", 7);

        Assert.True(_buffer.TryTakeMark(out var name, out var queuedMs));
        Assert.Equal(("m", 7), (name, queuedMs));
        Assert.False(_buffer.TryTakeMark(out _, out _));
    }

    [Fact]
    public void Clear_forgets_the_audio_and_gives_every_outstanding_mark_back()
    {
        _buffer.Add(Audio(1600, 1));
        _buffer.AddMark("a", 0);
        _buffer.Add(Audio(1600, 1));
        _buffer.AddMark("b", 0);
        Play(frames: 1);

        _buffer.Clear();

        Assert.Equal(0, _buffer.Buffered);
        Assert.Equal([["a", "b"]], Play(frames: 1));
        Assert.All(_frame, code => Assert.Equal(0xFF, code));
    }

    [Fact]
    public void Pieces_of_any_length_play_in_order_and_what_is_missing_is_silence()
    {
        _buffer.Add(Audio(100, 1));
        _buffer.Add(Audio(3, 2));
        _buffer.Add([]);
        _buffer.Add(Audio(50, 3));

        _buffer.Play(_frame);

        Assert.Equal([.. Audio(100, 1), .. Audio(3, 2), .. Audio(50, 3), .. Audio(7, 0xFF)], _frame);
    }

    private static byte[] Audio(int length, byte code)
    {
        var audio = new byte[length];
        audio.AsSpan().Fill(code);
        return audio;
    }

    /// <returns>The marks that come back before each frame.</returns>
    private List<string[]> Play(int frames)
    {
        var returned = new List<string[]>();
        for (var i = 0; i < frames; i++)
        {
            var names = new List<string>();
            while (_buffer.TryTakeMark(out var name, out _))
                names.Add(name);
            returned.Add([.. names]);
            _buffer.Play(_frame);
        }
        return returned;
    }
}
