using Kraliki.Server.Hosting;

namespace Kraliki.Server.Operations;

/// <summary>Warns before the disk of the data directory is full.</summary>
internal sealed partial class DiskSpace(KralikiOptions options, TimeProvider time, ILogger<DiskSpace> log) : BackgroundService
{
    public const long Megabyte = 1024 * 1024;

    /// <summary>Bytes: some hours of a busy node, time enough for a person to come.</summary>
    public const long Low = 200 * Megabyte;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    private volatile bool _low;

    public bool IsLow => _low;

    /// <summary>Says it once, and once when there is room again.</summary>
    /// <param name="free">Bytes.</param>
    public void Look(long free)
    {
        if (free < Low == _low)
        {
            return;
        }

        _low = !_low;
        if (_low)
        {
            LogLow(free / Megabyte);
        }
        else
        {
            LogRoom(free / Megabyte);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var drive = new DriveInfo(options.DataDirectory);
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            try
            {
                Look(drive.AvailableFreeSpace);
            }
            catch (IOException e)
            {
                LogUnknown(e);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}
