using Kraliki.Client;

namespace Kraliki.OperatorConsole.Design;

/// <summary>What a form shows besides its values: whether it is at work, what went wrong, and which fields are to blame. One thread.</summary>
public sealed class FormState
{
    private readonly List<(string Name, string Label)> _fields = [];
    private readonly Dictionary<string, string> _blamed = [];

    /// <summary>Work began or ended, or the faults were taken back: whoever shows them looks again.</summary>
    public event Action? Changed;

    public bool Busy { get; private set; }

    /// <summary>What went wrong that no single field can mend.</summary>
    public string? Fault { get; private set; }

    /// <summary>Under which the server logged the refused request; null when the fault is the reader's to mend.</summary>
    public string? RequestId { get; private set; }

    /// <summary>The topmost field with a fault.</summary>
    public string? FirstBlamed => _fields.Select(known => known.Name).FirstOrDefault(_blamed.ContainsKey);

    /// <summary>What is wrong with the field; null when nothing is.</summary>
    public string? BlameOf(string field) => _blamed.GetValueOrDefault(field);

    public void Blame(string field, string sentence) => _blamed[field] = sentence;

    /// <summary>The field is being mended: nobody is blamed while typing.</summary>
    public void Forgive(string field) => _blamed.Remove(field);

    /// <returns>Whether the value is there; otherwise the field is blamed.</returns>
    public bool Require(string field, string value, string sentence)
    {
        if (string.IsNullOrWhiteSpace(value))
        {
            Blame(field, sentence);
        }

        return !_blamed.ContainsKey(field);
    }

    /// <summary>A field of this form, named as on the wire. Called in the order in which people see them.</summary>
    /// <param name="label">What people call it; the server's sentences begin with the wire's name.</param>
    public void Add(string field, string label) => _fields.Add((field, label));

    public void Remove(string field) => _fields.RemoveAll(known => known.Name == field);

    public void Begin()
    {
        Busy = true;
        Clear();
    }

    public void End()
    {
        Busy = false;
        Changed?.Invoke();
    }

    public void Clear()
    {
        Fault = RequestId = null;
        _blamed.Clear();
        Changed?.Invoke();
    }

    /// <summary>Faults of fields that are on the form stand there; anything else is the form's.</summary>
    /// <param name="explanation">A sentence of ours that says all there is to say; null shows the server's with the request's id.</param>
    public void Refuse(KralikiException fault, string? explanation)
    {
        foreach (var (name, label) in _fields)
        {
            if (fault.Problem?.Errors?.GetValueOrDefault(name) is { } sentences)
            {
                Blame(name, string.Join(' ', sentences.Select(sentence => sentence.StartsWith($"{name} ", StringComparison.Ordinal) ? label + sentence[name.Length..] : sentence)));
            }
        }

        if (_blamed.Count == 0)
        {
            Fault = explanation ?? fault.Message;
            RequestId = explanation is null ? fault.Problem?.RequestId : null;
        }
    }
}
