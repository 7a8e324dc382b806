using Kraliki.Server.Hosting;

namespace Kraliki.Server.Identity;

/// <summary>Who may make an account.</summary>
public enum RegistrationMode
{
    /// <summary>Anybody, with an organisation of their own.</summary>
    Open,

    /// <summary>Invited people only.</summary>
    Invitation,
}

/// <summary>Settings under <c>Kraliki:Identity</c>.</summary>
public sealed record IdentityOptions
{
    public RegistrationMode Registration { get; init; }

    public Argon2Options Argon2 { get; init; } = new();

    /// <summary>After so many days another key signs access tokens.</summary>
    public int KeyRotationDays { get; init; } = 30;

    internal static IdentityOptions Read(ConfigurationReader reader) => new()
    {
        Registration = reader.Choice<RegistrationMode>("Identity:Registration") ?? RegistrationMode.Open,
        Argon2 = Argon2Options.Read(reader),
        KeyRotationDays = reader.Number("Identity:KeyRotationDays", from: 1, to: 365, "days") ?? 30,
    };
}

/// <summary>
/// What a password hash costs. The least are the least of the OWASP password storage cheat sheet; less would make a stolen
/// database cheap to search. A stored hash keeps its own cost and is renewed at the next sign-in when this asks for more.
/// </summary>
/// <param name="MemoryKiB">Memory of one computation.</param>
/// <param name="Passes">How often that memory is filled.</param>
public sealed record Argon2Options(int MemoryKiB = 19456, int Passes = 2)
{
    private const int LeastKiB = 19456;
    private const int LeastPasses = 2;

    internal static Argon2Options Read(ConfigurationReader reader) => new(
        // 1 GiB: more would let a few sign-ins at once use up the machine.
        reader.Number("Identity:Argon2:MemoryKiB", LeastKiB, 1024 * 1024, "KiB") ?? LeastKiB,
        reader.Number("Identity:Argon2:Passes", LeastPasses, 100, "passes") ?? LeastPasses);
}
