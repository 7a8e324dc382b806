using System.Globalization;
using Kraliki.Contracts;
using Kraliki.OperatorConsole.Design;
using Kraliki.OperatorConsole.Text;

namespace Kraliki.OperatorConsole.SignIn;

/// <summary>What can be said about an entry before the server is asked. The server decides.</summary>
public static class FormChecks
{
    /// <summary>Blames the field <c>email</c> when it is empty or plainly no address.</summary>
    public static bool RequireEmail(this FormState form, string email, Words words)
    {
        if (form.Require("email", email, words.EmailMissing) && !email.Trim().Skip(1).SkipLast(1).Contains('@'))
        {
            form.Blame("email", words.EmailMistyped);
        }

        return form.BlameOf("email") is null;
    }

    /// <summary>Blames the field when a new password is missing, too short or too long.</summary>
    public static bool RequireNewPassword(this FormState form, string field, string password, Words words)
    {
        var length = LengthOf(password);
        if (length == 0)
        {
            form.Blame(field, words.NewPasswordMissing);
        }
        else if (length < PasswordLimits.Shortest)
        {
            form.Blame(field, string.Format(CultureInfo.InvariantCulture, words.PasswordTooShort, PasswordLimits.Shortest));
        }
        else if (length > PasswordLimits.Longest)
        {
            form.Blame(field, string.Format(CultureInfo.InvariantCulture, words.PasswordTooLong, PasswordLimits.Longest));
        }

        return form.BlameOf(field) is null;
    }

    /// <summary>As people count: an emoji of several code points is one character.</summary>
    public static int LengthOf(string password) => new StringInfo(password).LengthInTextElements;
}
