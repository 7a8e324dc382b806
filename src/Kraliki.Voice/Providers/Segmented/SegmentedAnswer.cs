using System.Text;
using Kraliki.Contracts;

namespace Kraliki.Voice.Providers.Segmented;

/// <summary>An answer from the first thought to the last sound. Belongs to the connection's steps.</summary>
/// <param name="task">What is asked for beyond the conversation; null: an answer to what was said last.</param>
internal sealed class SegmentedAnswer(string turnId, string? task)
{
    private readonly CancellationTokenSource _given = new();

    public string TurnId { get; } = turnId;

    public string? Task { get; } = task;

    /// <summary>Given up: nobody wants the rest.</summary>
    public CancellationToken GivenUp => _given.Token;

    /// <summary>The words whose audio has come or is coming.</summary>
    public StringBuilder Said { get; } = new();

    /// <summary>Audio so far, μ-law.</summary>
    public long Bytes { get; set; }

    /// <summary>Something of it was reported: its end must be, too.</summary>
    public bool Begun { get; set; }

    /// <summary>Tools that it asks for once it was spoken.</summary>
    public IReadOnlyList<ToolCalled> Wishes { get; set; } = [];

    public void GiveUp() => _given.Cancel();
}
