using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Kraliki.Contracts;

namespace Kraliki.Client;

/// <summary>The server refused a request, or could not be reached. <see cref="Exception.Message"/> is fit for people.</summary>
public sealed class KralikiException : Exception
{
    public KralikiException(HttpStatusCode status, Problem problem, TimeSpan? retryAfter = null)
        : base(problem.Detail ?? problem.Title)
    {
        Status = status;
        Problem = problem;
        Code = problem.Code;
        RetryAfter = retryAfter;
    }

    private KralikiException(string code, string message, Exception? inner)
        : base(message, inner) => Code = code;

    /// <summary>Stable snake_case name: the problem's <c>code</c>, or <c>unreachable</c>, or <c>unreadable_answer</c>.</summary>
    public string Code { get; }

    /// <summary>Null when no answer came.</summary>
    public HttpStatusCode? Status { get; }

    /// <summary>No answer came at all.</summary>
    public bool IsUnreachable => Code == "unreachable";

    /// <summary>Null when the answer carried no problem details.</summary>
    public Problem? Problem { get; }

    /// <summary>When the server wants to hear the request again, when it said so: 429, and 503.</summary>
    public TimeSpan? RetryAfter { get; }

    /// <summary>With code <c>version_conflict</c>: what was to be changed, as it is now. Otherwise null.</summary>
    public T? Current<T>(JsonTypeInfo<T> type)
        where T : class =>
        Code == "version_conflict" ? Problem?.Current?.Deserialize(type) : null;

    /// <summary>With code <c>microphone_held</c>: by whom, and since when. Otherwise null.</summary>
    public MicrophoneHolder? MicrophoneHolder =>
        Code == "microphone_held" ? Problem?.Current?.Deserialize(ContractsJson.Default.MicrophoneHolder) : null;

    internal static KralikiException Unreachable(Exception inner) =>
        new("unreachable", "The server cannot be reached. Check the connection and try again.", inner);

    internal static KralikiException Unreadable(string what, Exception inner) =>
        new("unreadable_answer", $"The server's answer to {what} could not be read. Client and server may be of different versions.", inner);
}
