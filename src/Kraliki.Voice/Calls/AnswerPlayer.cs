using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Kraliki.Voice.Audio;
using Kraliki.Voice.Carriers;
using Kraliki.Voice.Net;

namespace Kraliki.Voice.Calls;

/// <summary>One answer of the AI on its way to the caller's ear.</summary>
internal sealed class Utterance(string turnId)
{
    public string TurnId { get; } = turnId;

    /// <summary>Who speaks it; null for a recording.</summary>
    public ProviderLeg? By { get; init; }

    /// <summary>The words so far; the whole text once <see cref="Done"/>.</summary>
    public StringBuilder Text { get; } = new();

    /// <summary>Position of its first audio byte in the player's stream; -1 before any audio.</summary>
    public long Start { get; set; } = -1;

    /// <summary>Position behind its last audio byte.</summary>
    public long End { get; set; }

    /// <summary>The carrier's clock when the first audio left, milliseconds.</summary>
    public long StartMediaMs { get; set; }

    /// <summary>No more audio or text will come.</summary>
    public bool Done { get; set; }

    /// <summary>Whoever spoke it is gone: this is all there will be.</summary>
    public bool Cut { get; set; }

    /// <summary>Something in it can be heard. What follows is for <see cref="AnswerSound"/> alone.</summary>
    public bool Audible { get; set; }

    /// <summary>How much audio came before anything could be heard.</summary>
    public int SilentMs { get; set; }

    /// <summary>How much came last that only repeats the piece before it.</summary>
    public int RepeatedMs { get; set; }
}

/// <summary>Paces the AI's audio to the carrier and knows, to a frame, what the caller has heard of it: pacer and utterance ledger in one.</summary>
/// <remarks>
/// <para>All audio of the call is one stream of μ-law bytes (8 per millisecond); an utterance is a stretch of it. A provider
/// produces faster than real time; chunks are handed over until the carrier holds <see cref="CallOptions.CarrierLead"/>, the
/// rest waits here. A chunk is kept until it was surely heard, so that a false interruption can be undone by sending the
/// rest again.</para>
/// <para>What was heard: the carrier plays in order and in real time, so the play-head is the end of what was sent minus what
/// the carrier still holds; each returned mark (named <c>epoch:position</c>) puts the estimate right. A mark that comes back
/// because of <c>clear</c> carries an old epoch and is ignored.</para>
/// <para>Not thread-safe: the call loop's gate guards it.</para>
/// </remarks>
internal sealed class AnswerPlayer(CallOptions options) : IDisposable
{
    /// <summary>Four minutes of audio may wait; a provider that produces more in one go loses the newest (counted).</summary>
    private const long MaxWaitingBytes = 4 * 60 * 1000 * G711.BytesPerMs;

    private readonly double _leadMs = options.CarrierLead.TotalMilliseconds;
    private readonly long _markEveryBytes = (long)options.MarkEvery.TotalMilliseconds * G711.BytesPerMs;
    private readonly List<Utterance> _utterances = [];
    private Chunk[] _chunks = new Chunk[16];
    private int _firstChunk;
    private int _chunkCount;
    private int _sentChunks;
    private long _received;
    private long _sent;
    private long _confirmed;
    private long _marked;
    private int _epoch;
    private double _carrierEmptyAt;
    private double _heardUpAt = double.MaxValue;

    private ref Chunk Last => ref _chunks[(_firstChunk + _chunkCount - 1) % _chunks.Length];

    /// <summary>The carrier's clear was sent and the rest is kept back until <see cref="Resume"/> or <see cref="Drop"/>.</summary>
    public bool Paused { get; private set; }

    /// <summary>Chunks of audio thrown away because too much waited.</summary>
    public long Overflowed { get; private set; }

    /// <summary>Frames of 20 ms handed to the carrier.</summary>
    public long FramesSent => _sent / G711.FrameBytes;

    /// <summary>Something was or will be sent that the caller has not heard.</summary>
    public bool Speaking(double now) => Paused ? _received > _confirmed : Heard(now) < _received;

    /// <summary>Unheard milliseconds, sent or waiting.</summary>
    public double UnheardMs(double now) => (_received - Heard(now)) / (double)G711.BytesPerMs;

    /// <summary>The utterance that the caller hears or will hear next; null when everything was heard.</summary>
    public Utterance? Current => _utterances.Count > 0 ? _utterances[0] : null;

    public Utterance? Find(string turnId)
    {
        foreach (var utterance in _utterances)
        {
            if (utterance.TurnId == turnId)
            {
                return utterance;
            }
        }

        return null;
    }

    /// <param name="by">Who speaks it; null for a recording.</param>
    public Utterance Begin(string turnId, ProviderLeg? by)
    {
        var utterance = new Utterance(turnId) { By = by };
        _utterances.Add(utterance);
        return utterance;
    }

    /// <summary>Appends audio of an utterance; the bytes are copied.</summary>
    public void Enqueue(Utterance utterance, ReadOnlySpan<byte> base64)
    {
        int bytes = PlainBase64.DecodedLength(base64);
        if (bytes == 0)
        {
            return;
        }

        if (_received - _confirmed + bytes > MaxWaitingBytes)
        {
            Overflowed++;
            return;
        }

        if (utterance.Start < 0)
        {
            utterance.Start = _received;
        }

        var buffer = ArrayPool<byte>.Shared.Rent(base64.Length);
        base64.CopyTo(buffer);
        AddChunk(new Chunk(buffer, base64.Length, _received, bytes, utterance));
        _received += bytes;
        utterance.End = _received;
    }

    /// <summary>This is the same audio as that which came last.</summary>
    public bool Repeats(ReadOnlySpan<byte> base64) =>
        _chunkCount > 0 && Last.Base64.SequenceEqual(base64);

    /// <summary>Takes the newest utterance back, as if it had never begun. Only while <see cref="Paused"/>.</summary>
    public void Retract(Utterance utterance)
    {
        while (_chunkCount > 0 && Last.Utterance == utterance)
        {
            ArrayPool<byte>.Shared.Return(Last.Buffer);
            Last = default;
            _chunkCount--;
        }

        _received = _chunkCount > 0 ? Last.Start + Last.Bytes : _confirmed;
        _utterances.Remove(utterance);
    }

    /// <summary>Hands over what the carrier may hold now.</summary>
    /// <param name="tap">Sees each chunk that leaves, with the delay in milliseconds until the caller hears it; null when nobody listens.</param>
    /// <returns>True when audio left.</returns>
    public bool Pump(double now, long mediaMs, TwilioLink link, MediaSocket socket, AudioTap? tap)
    {
        bool any = false;
        while (!Paused && _sentChunks < _chunkCount && _carrierEmptyAt - now < _leadMs)
        {
            ref var chunk = ref _chunks[(_firstChunk + _sentChunks) % _chunks.Length];
            _sentChunks++;
            link.SendAudio(socket, chunk.Base64);
            double startsAt = Math.Max(_carrierEmptyAt, now);
            tap?.Invoke(chunk.Base64, startsAt - now);
            if (chunk.Start == chunk.Utterance.Start)
            {
                chunk.Utterance.StartMediaMs = mediaMs + (long)(startsAt - now);
            }

            _carrierEmptyAt = startsAt + (chunk.Bytes / (double)G711.BytesPerMs);
            _sent = chunk.Start + chunk.Bytes;
            any = true;
            if (_sent - _marked >= _markEveryBytes)
            {
                Mark(link, socket);
            }
        }

        MarkEnd(link, socket);
        return any;
    }

    /// <summary>A last mark once an utterance is complete and everything of it was sent.</summary>
    public void MarkEnd(TwilioLink link, MediaSocket socket)
    {
        if (!Paused && _sent > _marked && _sent == _received && _utterances.Count > 0 && _utterances[^1].Done)
        {
            Mark(link, socket);
        }
    }

    /// <summary>A mark came back: everything up to its position was heard.</summary>
    /// <returns>False when it is not one of ours or is out of date.</returns>
    public bool Marked(ReadOnlySpan<byte> name, double now)
    {
        if (!Utf8Parser.TryParse(name, out int epoch, out int used) || epoch != _epoch || used >= name.Length || name[used] != ':'
            || !Utf8Parser.TryParse(name[(used + 1)..], out long position, out int rest) || used + 1 + rest != name.Length
            || position <= _confirmed || position > _sent)
        {
            return false;
        }

        _confirmed = position;
        _carrierEmptyAt = now + ((_sent - position) / (double)G711.BytesPerMs);
        Release();
        return true;
    }

    /// <summary>Position of the play-head.</summary>
    public long Heard(double now)
    {
        if (Paused)
        {
            return _confirmed;
        }

        long estimate = _sent - (long)(Math.Max(0, _carrierEmptyAt - now) * G711.BytesPerMs);
        return Math.Clamp(estimate, _confirmed, _sent);
    }

    /// <summary>Milliseconds of one utterance that were heard.</summary>
    public int HeardMs(Utterance utterance, double now)
        => utterance.Start < 0 ? 0 : (int)((Math.Clamp(Heard(now), utterance.Start, utterance.End) - utterance.Start) / G711.BytesPerMs);

    /// <summary>Empties the carrier and keeps the unheard rest.</summary>
    public void Pause(double now, TwilioLink link, MediaSocket socket)
    {
        _confirmed = Heard(now);
        Paused = true;
        _epoch++;
        link.SendClear(socket);
        Release();
    }

    /// <summary>Goes on from where the caller stopped hearing; <see cref="Pump"/> does the sending.</summary>
    public void Resume(double now)
    {
        Paused = false;
        _sentChunks = 0;
        _sent = _marked = _confirmed;
        _carrierEmptyAt = now;
        if (_chunkCount > 0)
        {
            CutFirstChunk();
        }
    }

    /// <summary>Forgets the unheard rest. The caller's ear is at <see cref="Heard"/>; <see cref="Utterances"/> tells what was cut.</summary>
    public void Drop()
    {
        while (_chunkCount > 0)
        {
            RemoveFirstChunk();
        }

        Paused = false;
        _sent = _marked = _received = _confirmed;
        _utterances.Clear();
        _carrierEmptyAt = 0;
    }

    /// <summary>Nothing more comes of the utterances in progress: each ends with the audio that is here, and with the words that fit it.</summary>
    /// <returns>All of them; those of which the caller hears nothing are taken off.</returns>
    public IReadOnlyList<Utterance> CutShort()
    {
        var cut = _utterances.FindAll(utterance => !utterance.Done);
        cut.ForEach(CutShort);
        _utterances.RemoveAll(utterance => utterance is { Cut: true, Start: < 0 });
        return cut;
    }

    /// <summary>Nothing more comes of it: it ends with the audio that is here, and with the words that fit it.</summary>
    public static void CutShort(Utterance utterance)
    {
        ArgumentNullException.ThrowIfNull(utterance);
        utterance.Done = utterance.Cut = true;
        int audioMs = utterance.Start < 0 ? 0 : (int)((utterance.End - utterance.Start) / G711.BytesPerMs);
        string text = utterance.Text.ToString();
        utterance.Text.Clear().Append(HeardText.Cut(text, audioMs, Math.Max(audioMs, text.Length * HeardText.MsPerCharacter)));
    }

    /// <summary>Unfinished utterances in the order of hearing.</summary>
    public IReadOnlyList<Utterance> Utterances => _utterances;

    /// <summary>Takes the first utterance off when it is complete and was heard to its end.</summary>
    /// <remarks>When the carrier loses a mark, two seconds after the estimated end are proof enough.</remarks>
    public Utterance? TakeHeard(double now)
    {
        if (Paused || _utterances.Count == 0 || !_utterances[0].Done)
        {
            return null;
        }

        var first = _utterances[0];
        if (first.Start >= 0 && _confirmed < first.End)
        {
            if (_sent < first.End || now < _carrierEmptyAt)
            {
                _heardUpAt = double.MaxValue;
                return null;
            }

            _heardUpAt = Math.Min(_heardUpAt, now);
            if (now - _heardUpAt < 2000)
            {
                return null;
            }

            _confirmed = first.End;
            Release();
        }

        _heardUpAt = double.MaxValue;
        _utterances.RemoveAt(0);
        return first;
    }

    public void Dispose() => Drop();

    private void Mark(TwilioLink link, MediaSocket socket)
    {
        Span<byte> name = stackalloc byte[32];
        _epoch.TryFormat(name, out int length, default, CultureInfo.InvariantCulture);
        name[length++] = (byte)':';
        _sent.TryFormat(name[length..], out int digits, default, CultureInfo.InvariantCulture);
        link.SendMark(socket, name[..(length + digits)]);
        _marked = _sent;
    }

    private void Release()
    {
        while (_chunkCount > 0 && _chunks[_firstChunk].Start + _chunks[_firstChunk].Bytes <= _confirmed)
        {
            RemoveFirstChunk();
        }
    }

    private void AddChunk(Chunk chunk)
    {
        if (_chunkCount == _chunks.Length)
        {
            var larger = new Chunk[_chunks.Length * 2];
            for (int i = 0; i < _chunkCount; i++)
            {
                larger[i] = _chunks[(_firstChunk + i) % _chunks.Length];
            }

            _chunks = larger;
            _firstChunk = 0;
        }

        _chunks[(_firstChunk + _chunkCount++) % _chunks.Length] = chunk;
    }

    private void RemoveFirstChunk()
    {
        ArrayPool<byte>.Shared.Return(_chunks[_firstChunk].Buffer);
        _chunks[_firstChunk] = default;
        _firstChunk = (_firstChunk + 1) % _chunks.Length;
        _chunkCount--;
        _sentChunks = Math.Max(0, _sentChunks - 1);
    }

    // The play-head may lie inside a chunk: base64 can only be cut every 3 bytes, so the rest is decoded and encoded anew.
    private void CutFirstChunk()
    {
        ref var chunk = ref _chunks[_firstChunk];
        int heard = (int)(_confirmed - chunk.Start);
        if (heard <= 0)
        {
            return;
        }

        var audio = new byte[chunk.Bytes];
        Base64.DecodeFromUtf8(chunk.Base64, audio, out _, out int decoded);
        var rest = audio.AsSpan(heard, decoded - heard);
        Base64.EncodeToUtf8(rest, chunk.Buffer, out _, out int written);
        chunk = chunk with { Length = written, Start = _confirmed, Bytes = rest.Length };
    }

    private record struct Chunk(byte[] Buffer, int Length, long Start, int Bytes, Utterance Utterance)
    {
        public readonly ReadOnlySpan<byte> Base64 => Buffer.AsSpan(0, Length);
    }
}

/// <summary>Sees base64 μ-law that goes to the caller, and in how many milliseconds it will be heard.</summary>
internal delegate void AudioTap(ReadOnlySpan<byte> base64, double delayMs);

/// <summary>Words of a cut answer.</summary>
internal static class HeardText
{
    /// <summary>Quick speech: words may be known before their audio is, and then more of them than were spoken.</summary>
    public const int MsPerCharacter = 50;

    /// <summary>The part of a text that was surely or probably spoken within the first <paramref name="heardMs"/> of <paramref name="totalMs"/>, cut at a word.</summary>
    public static string Cut(string text, int heardMs, int totalMs)
    {
        if (totalMs <= 0 || heardMs <= 0)
        {
            return "";
        }

        if (heardMs >= totalMs)
        {
            return text;
        }

        int length = (int)((long)text.Length * heardMs / totalMs);
        int word = text.LastIndexOf(' ', Math.Min(length, text.Length - 1));
        return word <= 0 ? "" : text[..word].TrimEnd(',', ';', ':', ' ');
    }
}
