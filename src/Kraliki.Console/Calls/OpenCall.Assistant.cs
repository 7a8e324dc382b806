using Kraliki.Client;
using Kraliki.Contracts;

namespace Kraliki.OperatorConsole.Calls;

/// <content>Who leads the conversation.</content>
public sealed partial class OpenCall
{
    /// <summary>The assistant's name, as it was in the version that the call keeps. Null while it is not known, and when the server's own leads.</summary>
    public string? AssistantName { get; private set; }

    private async Task NameAssistantAsync(SessionView session, CancellationToken cancellationToken)
    {
        if (AssistantName is not null || session is not { Assistant: { } id, AssistantVersion: { } version })
        {
            return;
        }

        try
        {
            AssistantName = (await client.GetAssistantVersionAsync(id, version, cancellationToken)).Content?.Name;
            Changed?.Invoke();
        }
        catch (KralikiException)
        {
            // The version's number is shown all the same; a call is not kept from its reader for a name.
        }
        catch (OperationCanceledException) when (_closed.IsCancellationRequested)
        {
            // The reader went to another call.
        }
    }
}
