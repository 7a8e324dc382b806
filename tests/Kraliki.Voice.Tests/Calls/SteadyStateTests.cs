using System.Text;
using Kraliki.Contracts;
using Kraliki.Voice.Calls;
using Kraliki.Voice.Providers;
using Kraliki.Voice.Providers.OpenAI;
using Kraliki.Voice.Tests.Net;
using Kraliki.Voice.Tests.Providers;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Voice.Tests.Calls;

/// <summary>What a call costs while it merely goes on: no garbage per frame, whoever writes the messages.</summary>
public sealed class SteadyStateTests
{
    private const int Rounds = 2_000;

    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void A_frame_of_the_caller_and_a_piece_of_the_answer_allocate_nothing_in_the_loop()
    {
        var provider = new QuietProvider();
        var carrier = new SinkTransport(isServer: true, _time);
        var loop = new CallLoop(
            carrier.Socket,
            (_, _) => Task.FromResult<CallAdmission?>(new(new QuietSink(), provider, new ProviderSetup(Guid.CreateVersion7(), "", []))),
            new CallOptions(),
            _time,
            NullLogger<CallLoop>.Instance);
        _ = loop.RunAsync(TestContext.Current.CancellationToken);
        carrier.Receive("""{"event":"start","start":{"streamSid":"MZ1","callSid":"CA1"}}""");
        provider.Events.Connected("s", null);

        var frame = carrier.Frame($$$"""{"event":"media","sequenceNumber":"3","media":{"track":"inbound","chunk":"1","timestamp":"45","payload":"{{{Convert.ToBase64String(new byte[160])}}}"},"streamSid":"MZ1"}""");
        var wire = new byte[frame.Length];
        var speech = TestCall.Speech(20);
        Assert.Equal(0, AllocatedBy(() =>
        {
            frame.CopyTo(wire, 0);
            carrier.Socket.OnBytes(wire);
        }));

        carrier.ReturnsMarks = true;
        Assert.Equal(0, AllocatedBy(() => provider.Events.AnswerAudio("a1", speech)));
        Assert.True(carrier.BytesSent > Rounds * 216L, "no answer left");
        Assert.True(provider.Frames > Rounds, "no frame arrived");
    }

    [Fact]
    public void A_frame_and_a_delta_allocate_nothing_in_the_openai_connection()
    {
        var events = new QuietEvents();
        var transport = new SinkTransport(isServer: false, _time);
        var connection = new OpenAiConnection(new OpenAiOptions { ApiKey = "k" }, new ProviderSetup(Guid.CreateVersion7(), "", []), events, _time);
        connection.Attach(transport.Socket);
        IProviderConnection provider = connection;
        var caller = Encoding.ASCII.GetBytes(Convert.ToBase64String(new byte[160]));
        Assert.Equal(0, AllocatedBy(() => Assert.True(provider.SendAudio(caller))));

        var delta = transport.Frame($$"""{"type":"response.output_audio.delta","event_id":"event_1","response_id":"resp_1","item_id":"item_1","output_index":0,"content_index":0,"delta":"{{Convert.ToBase64String(new byte[4000])}}"}""");
        var wire = new byte[delta.Length];
        Assert.Equal(0, AllocatedBy(() =>
        {
            delta.CopyTo(wire, 0);
            transport.Socket.OnBytes(wire);
        }));
        Assert.True(events.Audio > Rounds, "no answer arrived");
        Assert.True(transport.BytesSent > Rounds * 250L, "no frame left");
    }

    private static long AllocatedBy(Action step)
    {
        // Buffers, pools and compiled code settle first.
        for (int i = 0; i < Rounds; i++)
        {
            step();
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Rounds; i++)
        {
            step();
        }

        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private sealed class QuietSink : ICallSink
    {
        public void Fact(SessionFact fact)
        {
        }

        public void Partial(PartialTranscript partial)
        {
        }

        public void Meters(CallMeters meters)
        {
        }

        public void Audio(LegRole leg, AudioFrameKind kind, uint mediaMs, ReadOnlySpan<byte> mulaw)
        {
        }
    }

    private sealed class QuietProvider : IVoiceProvider, IProviderConnection
    {
        public IProviderEvents Events { get; private set; } = null!;

        public int Frames { get; private set; }

        public string Name => "quiet";

        public ProviderCapabilities Capabilities { get; } = new([VoiceStrategy.Realtime], true, false, false);

        public IProviderConnection Connect(ProviderSetup setup, IProviderEvents events)
        {
            Events = events;
            return this;
        }

        public bool SendAudio(ReadOnlySpan<byte> base64Mulaw)
        {
            Frames++;
            return true;
        }

        public void Greet()
        {
        }

        public void CancelAnswer()
        {
        }

        public void Truncate(string turnId, int heardMs)
        {
        }

        public void HoldAnswers()
        {
        }

        public void ResumeAnswers(bool answerNow)
        {
        }

        public void Instruct(string text)
        {
        }

        public void ProvideToolResult(string callId, string output)
        {
        }

        public void Close()
        {
        }
    }
}
