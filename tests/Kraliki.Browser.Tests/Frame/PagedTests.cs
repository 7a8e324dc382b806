using System.Net;
using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.OperatorConsole.Frame;

namespace Kraliki.Browser.Tests.Frame;

public sealed class PagedTests
{
    [Fact]
    public async Task Pages_add_up_until_the_last_one_and_a_reload_starts_over()
    {
        using var list = new Paged<string>((cursor, _) => Task.FromResult(cursor is null ? new Page<string>(["a", "b"], "2") : new Page<string>(["c"], null)));

        await list.ReloadAsync();
        Assert.True(list.HasMore);
        await list.MoreAsync();
        Assert.Equal(["a", "b", "c"], list.Items);
        Assert.False(list.HasMore);

        await list.ReloadAsync();
        Assert.Equal(["a", "b"], list.Items);
    }

    [Fact]
    public async Task An_answer_that_comes_after_a_newer_question_is_dropped()
    {
        var slow = new TaskCompletionSource<Page<string>>();
        var questions = 0;
        using var list = new Paged<string>((_, _) => questions++ == 0 ? slow.Task : Task.FromResult(new Page<string>(["new"], null)));

        var first = list.ReloadAsync();
        await list.ReloadAsync();
        slow.SetResult(new Page<string>(["old"], null));
        await first;

        Assert.Equal(["new"], list.Items);
        Assert.False(list.Busy);
    }

    [Fact]
    public async Task A_fault_keeps_what_was_shown_and_goes_with_the_next_answer()
    {
        var away = false;
        using var list = new Paged<string>((_, _) => away
            ? throw new KralikiException(HttpStatusCode.InternalServerError, new Problem(null, "Away", 500, null, "internal_error", null))
            : Task.FromResult(new Page<string>(["a"], null)));

        await list.ReloadAsync();
        away = true;
        await list.ReloadAsync();
        Assert.Equal("internal_error", list.Fault?.Code);
        Assert.Equal(["a"], list.Items);

        away = false;
        await list.ReloadAsync();
        Assert.Null(list.Fault);
    }
}
