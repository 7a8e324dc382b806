using System.Globalization;
using Kraliki.LocalSpeech;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Kraliki.Simulators.Callers;

/// <summary>Reads a caller script. Every complaint names file, line and key.</summary>
/// <remarks>
/// <code>
/// name: booking            # required, as are title and steps
/// title: Changes a booking
/// description: …           # optional, as are voice (rms), from, noise_db
/// steps:
///   - say: What are your opening hours?      # after: answer (default) | answer+2s | 800ms | speech+1500ms
///   - expect: /nine|ten/                     # about the answer to the line above; or words
///   - interrupt: No, wait.                   # after: 1500ms (default), counted from the agent's first sound
///   - backchannel: uh-huh                    # the same
///   - cough: 300ms                           # or noise: 2s
///   - dtmf: "1234#"
///   - wait: 2s
///   - hang_up: true                          # or expect_end: 20s, or repeat: true (from the first step, for ever)
/// </code>
/// Each step but wait, expect, expect_end and repeat takes <c>after</c> and <c>timeout</c>.
/// </remarks>
public static class CallerScriptReader
{
    private static readonly string[] RootKeys = ["name", "title", "description", "voice", "from", "noise_db", "steps"];
    private static readonly string[] Verbs = ["say", "interrupt", "backchannel", "cough", "noise", "dtmf", "wait", "expect", "hang_up", "expect_end", "repeat"];
    private static readonly StepTiming WhileSpeaking = new(TimingKind.Speech, TimeSpan.FromMilliseconds(1500));

    /// <param name="file">Named in complaints.</param>
    /// <exception cref="FormatException">The message is a sentence for the author of the script.</exception>
    public static CallerScript Read(string yaml, string file)
    {
        ArgumentNullException.ThrowIfNull(yaml);
        var reader = new Source(file);
        var stream = new YamlStream();
        try
        {
            stream.Load(new StringReader(yaml));
        }
        catch (YamlException broken)
        {
            throw new FormatException($"{file}, line {broken.Start.Line}: this is not YAML: {broken.Message}", broken);
        }
        if (stream.Documents is not [{ RootNode: YamlMappingNode root }])
            throw new FormatException($"{file}, line 1: a script is one YAML mapping with name, title and steps.");

        reader.OnlyKnown(root, RootKeys);
        var noise = reader.Text(root, "noise_db", null);
        var voice = reader.Text(root, "voice", null) ?? "rms";
        if (!Enum.GetNames<VoiceName>().Contains(voice, StringComparer.OrdinalIgnoreCase))
            throw reader.Wrong(root, "voice", $"there is no voice '{voice}'; known are {string.Join(", ", Enum.GetNames<VoiceName>()).ToLowerInvariant()}");
        var steps = reader.Value(root, "steps") as YamlSequenceNode ?? throw reader.Wrong(root, "steps", "must be a list of steps");
        if (steps.Children.Count == 0)
            throw reader.Wrong(steps, "steps", "must have at least one step");
        var read = steps.Children.Select(step => ReadStep(reader, step)).ToList();
        // Silent steps alone would be repeated without end within one frame.
        if (read.Exists(step => step is RepeatStep) && !read.Exists(step => step is SpeakStep))
            throw reader.Wrong(steps, "steps", "repeat needs a line that is said before it");
        return new CallerScript(
            reader.Required(root, "name"),
            reader.Required(root, "title"),
            reader.Text(root, "description", null) ?? "",
            voice.ToLowerInvariant(),
            reader.Text(root, "from", null) ?? "+12025550147",
            noise is null ? null : double.TryParse(noise, CultureInfo.InvariantCulture, out var db) && db is >= 0 and <= 60
                ? db
                : throw reader.Wrong(root, "noise_db", $"must be decibels from 0 to 60, not '{noise}'"),
            read);
    }

    private static ScriptStep ReadStep(Source reader, YamlNode node)
    {
        if (node is not YamlMappingNode step)
            throw reader.Wrong(node, "steps", "a step is a mapping such as '- say: hello'");
        reader.OnlyKnown(step, [.. Verbs, "after", "timeout"]);
        var verb = Verbs.Where(name => reader.Value(step, name) is not null).ToArray() switch
        {
            [var only] => only,
            [] => throw reader.Wrong(step, "steps", $"the step has none of {string.Join(", ", Verbs)}"),
            [_, var second, ..] => throw reader.Wrong(step, second, "a step does one thing"),
        };
        var when = ReadTiming(reader, step, verb);
        var timeout = reader.Text(step, "timeout", null) is { } text ? reader.Duration(step, "timeout", text) : ScriptStep.DefaultTimeout;
        var value = reader.Required(step, verb);
        return verb switch
        {
            "say" => new SpeakStep(LineKind.Say, value, when, timeout),
            "interrupt" => new SpeakStep(LineKind.Interrupt, value, when, timeout),
            "backchannel" => new SpeakStep(LineKind.Backchannel, value, when, timeout),
            "cough" or "noise" => new SoundStep(verb, reader.Duration(step, verb, value), when, timeout),
            "dtmf" => value.All(digit => "0123456789*#ABCDw".Contains(digit, StringComparison.Ordinal))
                ? new KeysStep(value, when, timeout)
                : throw reader.Wrong(step, verb, $"takes 0-9, *, #, A-D and w, not '{value}'"),
            "wait" => new WaitStep(new StepTiming(TimingKind.Elapsed, reader.Duration(step, verb, value))),
            "expect" => new ExpectStep(ReadExpectation(reader, step, value)),
            "repeat" => value == "true" ? new RepeatStep() : throw reader.Wrong(step, verb, $"takes true, not '{value}'"),
            "hang_up" => value == "true" ? new HangUpStep(when, timeout) : throw reader.Wrong(step, verb, $"takes true, not '{value}'"),
            _ => new ExpectEndStep(reader.Duration(step, verb, value)),
        };
    }

    private static StepTiming ReadTiming(Source reader, YamlMappingNode step, string verb)
    {
        var speaksOver = verb is "interrupt" or "backchannel";
        if (reader.Text(step, "after", null) is not { } after)
        {
            return speaksOver ? WhileSpeaking : verb is "cough" or "noise" ? StepTiming.AtOnce : StepTiming.Answered;
        }
        if (verb is "wait" or "expect" or "expect_end" or "repeat")
            throw reader.Wrong(step, "after", $"does not go with {verb}");
        foreach (var (word, kind) in ((string, TimingKind)[])[("answer", TimingKind.Answer), ("speech", TimingKind.Speech)])
        {
            if (!after.StartsWith(word, StringComparison.Ordinal))
                continue;
            var plus = after[word.Length..].Trim();
            if (plus.Length > 0 && plus[0] != '+')
                throw reader.Wrong(step, "after", $"'{after}' should be {word}, or {word}+1500ms");
            return new StepTiming(kind, plus.Length == 0 ? TimeSpan.Zero : reader.Duration(step, "after", plus[1..]));
        }
        return new StepTiming(speaksOver ? TimingKind.Speech : TimingKind.Elapsed, reader.Duration(step, "after", after));
    }

    private static ScriptExpectation ReadExpectation(Source reader, YamlMappingNode step, string value)
    {
        var expectation = new ScriptExpectation(value);
        try
        {
            expectation.IsMetBy("");
        }
        catch (ArgumentException broken)
        {
            throw reader.Wrong(step, "expect", $"is no regular expression: {broken.Message}");
        }
        return expectation;
    }

    /// <summary>Looks up keys and knows where they stand.</summary>
    private sealed class Source(string file)
    {
        public FormatException Wrong(YamlNode node, string key, string why)
        {
            var at = node is YamlMappingNode map && Key(map, key) is { } found ? found : node;
            return new FormatException($"{file}, line {at.Start.Line}, key '{key}': {why}.");
        }

        public void OnlyKnown(YamlMappingNode map, string[] known)
        {
            foreach (var key in map.Children.Keys)
            {
                var name = (key as YamlScalarNode)?.Value ?? key.ToString();
                if (!known.Contains(name))
                    throw new FormatException($"{file}, line {key.Start.Line}, key '{name}': unknown; known are {string.Join(", ", known)}.");
            }
        }

        public YamlNode? Value(YamlMappingNode map, string key) => Key(map, key) is { } found ? map.Children[found] : null;

        public string? Text(YamlMappingNode map, string key, string? otherwise) => Value(map, key) switch
        {
            null => otherwise,
            YamlScalarNode { Value: { Length: > 0 } text } => text.Trim(),
            _ => throw Wrong(map, key, "must be one non-empty value"),
        };

        public string Required(YamlMappingNode map, string key) => Text(map, key, null) ?? throw Wrong(map, key, "is missing");

        public TimeSpan Duration(YamlMappingNode map, string key, string text)
        {
            var (digits, unit) = text.Trim() switch
            {
                var t when t.EndsWith("ms", StringComparison.Ordinal) => (t[..^2], 1.0),
                var t when t.EndsWith('s') => (t[..^1], 1000.0),
                var t => (t, 0.0),
            };
            return unit > 0 && double.TryParse(digits, CultureInfo.InvariantCulture, out var number) && number is >= 0 and <= 600_000
                ? TimeSpan.FromMilliseconds(number * unit)
                : throw Wrong(map, key, $"'{text}' is no time such as 800ms or 2s");
        }

        private static YamlNode? Key(YamlMappingNode map, string key) =>
            map.Children.Keys.FirstOrDefault(node => node is YamlScalarNode scalar && scalar.Value == key);
    }
}
