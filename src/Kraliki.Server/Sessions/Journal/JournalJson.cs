using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using Kraliki.Contracts;

namespace Kraliki.Server.Sessions.Journal;

/// <summary>Facts as the journal stores them: the same JSON that goes out on the wire.</summary>
internal static class JournalJson
{
    private static readonly Dictionary<Type, string> Kinds = typeof(SessionFact)
        .GetCustomAttributes<JsonDerivedTypeAttribute>()
        .ToDictionary(derived => derived.DerivedType, derived => (string)derived.TypeDiscriminator!);

    public static string KindOf(SessionFact fact) => Kinds[fact.GetType()];

    public static string KindOf<T>()
        where T : SessionFact => Kinds[typeof(T)];

    public static string Write(SessionFact fact) => JsonSerializer.Serialize(fact, ContractsJson.Default.SessionFact);

    public static SessionFact Read(string payload) =>
        JsonSerializer.Deserialize(payload, ContractsJson.Default.SessionFact) ?? throw new JsonException("A journal entry is null.");
}
