namespace Kraliki.Server.Tests;

/// <summary>Tests that no other runs beside: they measure, or they use up the machine.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}
