using System.Globalization;
using System.Text;
using Kraliki.Contracts;
using Microsoft.Net.Http.Headers;

namespace Kraliki.Server.Sessions.Api;

/// <summary>A transcript in the forms that people and players read.</summary>
internal static class TranscriptText
{
    public const string Json = "application/json";
    public const string Plain = "text/plain";
    public const string Vtt = "text/vtt";
    public const string Srt = "application/x-subrip";

    /// <summary>Values of <c>?format=</c>.</summary>
    public static readonly string[] Formats = ["json", "text", "vtt", "srt"];

    public static readonly string[] MediaTypes = [Json, Plain, Vtt, Srt];

    /// <returns>Null when nothing fits what was asked for.</returns>
    public static string? FormatOf(string? format, IList<MediaTypeHeaderValue> accept)
    {
        if (format is not null)
        {
            return Formats.Contains(format) ? format : null;
        }

        if (accept.Count == 0)
        {
            return "json";
        }

        // Order of the list decides between what is equally wanted: JSON first.
        foreach (var wanted in accept.Where(type => type.Quality is not 0).OrderByDescending(type => type.Quality ?? 1))
        {
            var fitting = Array.FindIndex(MediaTypes, type => new MediaTypeHeaderValue(type).IsSubsetOf(wanted));
            if (fitting >= 0)
            {
                return Formats[fitting];
            }
        }

        return null;
    }

    public static TranscriptLine Line(long seq, TurnFinished turn) =>
        new(seq, turn.TurnId, turn.Speaker, turn.Text, turn.StartMs, turn.EndMs, turn.Confidence, turn.Interrupted);

    public static IResult Result(Transcript transcript, string format) => format switch
    {
        "text" => TypedResults.Text(ToPlain(transcript), Plain, Encoding.UTF8),
        "vtt" => TypedResults.Text(ToVtt(transcript), Vtt, Encoding.UTF8),
        "srt" => TypedResults.Text(ToSrt(transcript), Srt, Encoding.UTF8),
        _ => TypedResults.Json(transcript, ContractsJson.Default.Transcript),
    };

    /// <summary>One line per turn: <c>[00:12] Caller: Good morning</c>.</summary>
    public static string ToPlain(Transcript transcript)
    {
        var text = new StringBuilder();
        foreach (var line in transcript.Lines)
        {
            var time = TimeSpan.FromMilliseconds(line.StartMs);
            text.Append(CultureInfo.InvariantCulture, $"[{(int)time.TotalMinutes:00}:{time.Seconds:00}] {Name(line.Speaker)}: {OneLine(line.Text)}");
            text.Append(line.Interrupted ? " [interrupted]\n" : "\n");
        }

        return text.ToString();
    }

    /// <summary>WebVTT, https://www.w3.org/TR/webvtt1/: a header, then cues of time, voice span and text; <c>&lt;</c> and <c>&amp;</c> are escaped.</summary>
    public static string ToVtt(Transcript transcript)
    {
        var text = new StringBuilder("WEBVTT\n");
        foreach (var line in transcript.Lines)
        {
            var words = OneLine(line.Text).Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal).Replace(">", "&gt;", StringComparison.Ordinal);
            text.Append(CultureInfo.InvariantCulture, $"\n{line.Seq}\n{Clock(line.StartMs, '.')} --> {Clock(End(line), '.')}\n<v {Name(line.Speaker)}>{words}\n");
        }

        return text.ToString();
    }

    /// <summary>SubRip: number from 1, times with a comma, text, blank line.</summary>
    public static string ToSrt(Transcript transcript)
    {
        var text = new StringBuilder();
        var number = 0;
        foreach (var line in transcript.Lines)
        {
            text.Append(CultureInfo.InvariantCulture, $"{++number}\n{Clock(line.StartMs, ',')} --> {Clock(End(line), ',')}\n{Name(line.Speaker)}: {OneLine(line.Text)}\n\n");
        }

        return text.ToString();
    }

    private static string Name(LegRole speaker) => speaker switch
    {
        LegRole.Caller => "Caller",
        LegRole.Ai => "Assistant",
        LegRole.Operator => "Operator",
        _ => "Supervisor",
    };

    /// <summary>A cue must end after it begins.</summary>
    private static long End(TranscriptLine line) => Math.Max(line.EndMs, line.StartMs + 1);

    private static string Clock(long ms, char separator)
    {
        var time = TimeSpan.FromMilliseconds(ms);
        return string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours:00}:{time.Minutes:00}:{time.Seconds:00}{separator}{time.Milliseconds:000}");
    }

    /// <summary>A line break within a cue would end it, or begin something else.</summary>
    private static string OneLine(string text) => string.Join(' ', text.Split((char[])['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
}
