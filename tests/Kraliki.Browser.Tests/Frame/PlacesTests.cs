using System.Reflection;
using Kraliki.Contracts;
using Kraliki.OperatorConsole.Frame;
using Kraliki.OperatorConsole.Text;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Components;

namespace Kraliki.Browser.Tests.Frame;

public sealed class PlacesTests
{
    public static TheoryData<string> Addresses() => [.. Places.Main.Concat(Places.Settings).Select(place => place.Address)];

    [Theory]
    [MemberData(nameof(Addresses))]
    public void A_page_is_guarded_by_what_the_navigation_asks_for(string address)
    {
        var place = Places.Main.Concat(Places.Settings).Single(place => place.Address == address);
        var page = typeof(Places).Assembly.GetTypes().Single(type => type.GetCustomAttributes<RouteAttribute>().Any(route => route.Template == address));
        var guard = page.GetCustomAttribute<AuthorizeAttribute>();

        Assert.Equal(place.Permissions.Count > 0, guard is not null);
        if (place.Permissions is [var only])
        {
            Assert.Equal(only, guard!.Policy);
        }
    }

    [Theory]
    [InlineData(UserRole.Admin, "Live desk, Assistants, Settings, Users, Features, AI providers, Audit log")]
    [InlineData(UserRole.Supervisor, "Live desk, Assistants, Settings, Users, Features")]
    [InlineData(UserRole.Agent, "Live desk, Assistants")]
    [InlineData(UserRole.Viewer, "Live desk, Assistants")]
    public void Each_role_is_offered_what_it_may_open(UserRole role, string expected)
    {
        var user = new UserView(Guid.Empty, "somebody@example.org", "Somebody", role, Guid.Empty, "Example");

        var offered = Places.Main.Concat(Places.Settings).Where(place => place.IsFor(user)).Select(place => place.Title(new Words()));

        Assert.Equal(expected, string.Join(", ", offered));
    }

    [Fact]
    public void The_mailbox_exists_for_everybody_but_only_where_it_stands_in_for_mail()
    {
        var mailbox = Places.Main.Single(place => place.Address == "/mailbox");

        Assert.True(mailbox.IsFor(null, mailbox: true));
        Assert.False(mailbox.IsFor(null));
    }
}
