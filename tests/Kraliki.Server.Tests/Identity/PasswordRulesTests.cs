using Kraliki.Server.Identity;

namespace Kraliki.Server.Tests.Identity;

public sealed class PasswordRulesTests
{
    private static readonly string[] Own = ["ada.lovelace@analytical.example", "Ada Lovelace", "Analytical Engines Ltd"];

    [Theory]
    [InlineData("short enough")]
    [InlineData("violet kettle under the stairs")]
    [InlineData("dragon football umbrella toothbrush")]
    [InlineData("tm7RkQ2vXw9p")]
    [InlineData("příliš žluťoučký kůň")]
    [InlineData("パスワードではない長い文です")]
    [InlineData("jumps over the analytical dog")]
    public void A_few_unrelated_words_or_enough_randomness_will_do(string password) => Assert.Null(PasswordRules.Complaint(password, Own));

    [Theory]
    [InlineData("elevenchars")]
    [InlineData("👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧")]
    [InlineData("")]
    public void What_a_person_sees_as_fewer_than_twelve_characters_is_too_short(string password) =>
        Assert.StartsWith("must have at least 12 characters", PasswordRules.Complaint(password, Own));

    [Theory]
    [InlineData("password1234")]
    [InlineData("Password2026!")]
    [InlineData("P4ssw0rd!!!!")]
    [InlineData("passwordpassword")]
    [InlineData("letmein-welcome")]
    [InlineData("qwertyuiop123")]
    [InlineData("1q2w3e4r5t6y")]
    [InlineData("zaq12wsxcde3")]
    [InlineData("123456789012")]
    [InlineData("aaaaaaaaaaaaaaa")]
    [InlineData("abcabcabcabc")]
    [InlineData("abcdefghijklm")]
    [InlineData("Summer2026!!")]
    [InlineData("iloveyou1987")]
    [InlineData("kraliki-kraliki")]
    [InlineData("correcthorsebatterystaple")]
    public void What_is_guessed_first_is_refused(string password) =>
        Assert.StartsWith("is among those that are guessed first", PasswordRules.Complaint(password, Own));

    [Theory]
    [InlineData("ada.lovelace@analytical.example")]
    [InlineData("AdaLovelace1815")]
    [InlineData("l0vel4ce-2026")]
    [InlineData("Analytical Engines")]
    [InlineData("analyticalada!")]
    public void What_is_the_persons_own_is_refused(string password) =>
        Assert.StartsWith("is little more than your name", PasswordRules.Complaint(password, Own));

    [Fact]
    public void A_thousand_characters_are_possible_and_more_are_not()
    {
        var words = string.Join(' ', Enumerable.Range(0, 400).Select(i => $"{i * 7919 % 997}x"))[..1024];
        Assert.Null(PasswordRules.Complaint(words, []));
        Assert.Equal("must have at most 1024 characters.", PasswordRules.Complaint(words + "y", []));
    }

    [Fact]
    public void A_long_name_of_ones_own_is_found_and_makes_no_heaps_of_garbage()
    {
        var text = string.Concat(Enumerable.Range(0, 128).Select(i => $"{(char)('a' + (i * 7 % 26))}{i * 7919 % 997:000}vxkq"));
        Assert.StartsWith("is little more than your name", PasswordRules.Complaint(text[..200], [text[..200]]));
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Null(PasswordRules.Complaint(text, [text]));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }
}
