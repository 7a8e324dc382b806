using System.Reflection;
using Kraliki.Contracts;
using Kraliki.OperatorConsole.Text;

namespace Kraliki.Browser.Tests.Text;

public sealed class AuditWordsTests
{
    [Theory]
    [InlineData("role_changed", "Sam", "changed the role of Sam")]
    [InlineData("logged_in", "anything", "signed in")]
    [InlineData("moon_landed", "Eagle", "moon landed: Eagle")]
    public void An_act_is_a_sentence_and_an_unknown_one_its_code_name(string action, string subject, string sentence) =>
        Assert.Equal(sentence, AuditWords.Of(action, subject));

    [Fact]
    public void Every_act_that_a_server_writes_has_its_words() =>
        Assert.Equal(
            typeof(AuditActions).GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => field.GetRawConstantValue()).OfType<string>().Order(),
            AuditWords.Known.Select(act => act.Key).Order());

    [Fact]
    public void Acts_to_choose_from_are_named_without_gaps_and_each_once()
    {
        Assert.All(AuditWords.Known, act => Assert.DoesNotContain("{0}", act.Value));
        Assert.Equal(AuditWords.Known.Count, AuditWords.Known.Select(act => act.Value).Distinct().Count());
    }
}
