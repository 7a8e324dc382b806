using Kraliki.Benchmarks;

namespace Kraliki.Voice.Tests.Calls;

public sealed class AllocationTests
{
    private const int Frames = 500;

    private readonly FramePath _path = new();

    [Fact]
    public void A_caller_frame_reaches_the_provider_without_an_allocation()
    {
        Run(_path.CallerFrame, Frames);
        long before = _path.ToProvider;
        Assert.Equal(0, Allocated(_path.CallerFrame));
        Assert.True(_path.ToProvider - before > Frames * 216, $"Only {_path.ToProvider - before} bytes went to the provider.");
    }

    [Fact]
    public void An_answer_reaches_the_carrier_without_an_allocation()
    {
        Run(_path.AnswerFrame, Frames);
        long before = _path.ToCarrier;
        Assert.Equal(0, Allocated(_path.AnswerFrame));
        Assert.True(_path.ToCarrier - before > Frames * 216, $"Only {_path.ToCarrier - before} bytes went to the carrier.");
    }

    private static long Allocated(Action frame)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run(frame, Frames);
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static void Run(Action frame, int times)
    {
        for (int i = 0; i < times; i++)
        {
            frame();
        }
    }
}
