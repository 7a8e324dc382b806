using Kraliki.Contracts;

namespace Kraliki.Voice.Calls;

/// <summary>Who hears whom in a call. Take-over, whisper, hold and the like are other fillings of the same matrix.</summary>
public readonly record struct HearingMatrix(ushort Bits)
{
    private const int Legs = 4;

    /// <summary>Caller and AI hear each other.</summary>
    public static HearingMatrix Autopilot { get; } = default(HearingMatrix).With(LegRole.Ai, LegRole.Caller, true).With(LegRole.Caller, LegRole.Ai, true);

    public bool Hears(LegRole listener, LegRole talker) => (Bits & Bit(listener, talker)) != 0;

    public HearingMatrix With(LegRole listener, LegRole talker, bool hears)
        => new((ushort)(hears ? Bits | Bit(listener, talker) : Bits & ~Bit(listener, talker)));

    private static int Bit(LegRole listener, LegRole talker) => 1 << (((int)listener * Legs) + (int)talker);
}
