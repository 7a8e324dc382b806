namespace Kraliki.OperatorConsole.Text;

// Signing in and out, registration, passwords, one's own account.
public sealed partial record Words
{
    public string Account { get; init; } = "Account";
    public string Name { get; init; } = "Name";
    public string Email { get; init; } = "E-mail";
    public string Password { get; init; } = "Password";
    public string ShowPassword { get; init; } = "Show password";
    public string HidePassword { get; init; } = "Hide password";
    public string NameMissing { get; init; } = "Enter your name.";
    public string EmailMissing { get; init; } = "Enter your e-mail address.";
    public string EmailMistyped { get; init; } = "This does not look like an e-mail address: name@example.com.";
    public string PasswordMissing { get; init; } = "Enter your password.";
    public string TooManyTries { get; init; } = "Too many tries. Wait a moment, then try again.";
    public string TooManyTriesFor { get; init; } = "Too many tries. You can try again in {0}.";
    public string TryAgainIn { get; init; } = "Try again in {0}";
    public string SecondsShort { get; init; } = "{0} s";
    public string MinutesShort { get; init; } = "{0} min {1} s";
    public string CheckingSignIn { get; init; } = "Checking who you are…";
    public string BackToSignIn { get; init; } = "Back to sign-in";

    // Sign-in
    public string SignInTitle { get; init; } = "Sign in";
    public string SignIn { get; init; } = "Sign in";
    public string SigningIn { get; init; } = "Signing in…";
    public string WrongPassword { get; init; } = "E-mail or password is not right.";
    public string EmailNotVerified { get; init; } = "Your e-mail address is not confirmed yet. Open the link in the mail that we sent you.";
    public string ForgotPassword { get; init; } = "Forgot your password?";
    public string NoAccountYet { get; init; } = "New here?";
    public string CreateAccount { get; init; } = "Create an account";
    public string SignedOutNotice { get; init; } = "Your session ended. Sign in to go on where you were.";
    public string SignedOutInAnotherTab { get; init; } = "You signed out in another tab.";
    public string SignedOutEverywhereNotice { get; init; } = "You are signed out on all your devices.";
    public string PasswordResetNotice { get; init; } = "Your new password is set. Sign in with it.";
    public string DemoSignInTitle { get; init; } = "Demo installation";
    public string DemoSignIn { get; init; } = "Sign in as {0}. The password was printed in the terminal when the server started, and is kept in demo-credentials.json in its data folder.";

    // Registration
    public string RegisterTitle { get; init; } = "Create an account";
    public string RegisterIntro { get; init; } = "You set up a new organisation and become its administrator. To join an existing one, ask its administrator for an invitation.";
    public string RegistrationClosed { get; init; } = "New organisations cannot be registered here. Ask your administrator for an invitation.";
    public string YourName { get; init; } = "Your name";
    public string OrganisationName { get; init; } = "Organisation";
    public string OrganisationMissing { get; init; } = "Enter the name of your organisation.";
    public string Registering { get; init; } = "Creating the account…";
    public string HaveAccount { get; init; } = "Already registered?";
    public string PasswordHint { get; init; } = "At least {0} characters. A few words in a row are fine.";
    public string PasswordTooShort { get; init; } = "Use at least {0} characters.";
    public string PasswordTooLong { get; init; } = "Use at most {0} characters.";
    public string PasswordLongEnough { get; init; } = "Long enough";
    public string PasswordLength { get; init; } = "{0} of {1}";

    // Mails
    public string LookIntoMailbox { get; init; } = "Look into your mailbox";
    public string VerificationSent { get; init; } = "We sent a mail to {0}. Open the link in it to confirm your address; it is good for 24 hours.";
    public string ResetSent { get; init; } = "If there is an account for {0}, a mail is on its way. Its link lets you choose a new password and is good for an hour.";
    public string NothingArrived { get; init; } = "Nothing there? Look among the unwanted mails first.";
    public string SendMailAgain { get; init; } = "Send the mail again";
    public string Sending { get; init; } = "Sending…";
    public string SentAgain { get; init; } = "The mail is on its way again.";
    public string OpenDemoMailbox { get; init; } = "Open the demo mailbox";
    public string DemoMailboxExplained { get; init; } = "In the demo no mail leaves this machine: everything arrives in one mailbox.";

    // Confirming the address
    public string VerifyTitle { get; init; } = "Confirm your e-mail address";
    public string Verifying { get; init; } = "Confirming your address…";
    public string VerifiedTitle { get; init; } = "Your address is confirmed";
    public string Verified { get; init; } = "You can sign in now.";
    public string LinkDead { get; init; } = "This link is no longer good: it was used, replaced by a newer one, or is too old.";
    public string LinkIncomplete { get; init; } = "This address is not complete. Open the link in the mail once more.";
    public string ResendIntro { get; init; } = "Enter your e-mail address and we send you a new link.";
    public string SendNewLink { get; init; } = "Send a new link";

    // Forgotten password
    public string ForgotTitle { get; init; } = "Choose a new password";
    public string ForgotIntro { get; init; } = "Enter the e-mail address of your account. We send you a link with which you choose a new password.";
    public string SendLink { get; init; } = "Send the link";
    public string ResetTitle { get; init; } = "Choose a new password";
    public string ResetIntro { get; init; } = "All devices that are signed in to your account are signed out.";
    public string NewPassword { get; init; } = "New password";
    public string NewPasswordMissing { get; init; } = "Enter a new password.";
    public string SetPassword { get; init; } = "Set the password";
    public string Saving { get; init; } = "Saving…";
    public string AskForNewLink { get; init; } = "Ask for a new link";

    // Invitation
    public string InvitationTitle { get; init; } = "Join {0}";
    public string InvitationTitlePlain { get; init; } = "Your invitation";
    public string InvitationOffer { get; init; } = "{0} invites you to {1} as {2}.";
    public string InvitationLoading { get; init; } = "Opening your invitation…";
    public string InvitationSignedInAs { get; init; } = "You are signed in as {0}. Accepting signs you in as {1} instead.";
    public string AcceptInvitation { get; init; } = "Accept the invitation";
    public string Accepting { get; init; } = "Accepting…";

    // Account page
    public string AccountTitle { get; init; } = "Your account";
    public string Profile { get; init; } = "Profile";
    public string Save { get; init; } = "Save";
    public string Saved { get; init; } = "Saved.";
    public string ProfileConflict { get; init; } = "Your name was changed elsewhere in the meantime. It is “{0}” now; save again to replace it.";
    public string ChangePasswordTitle { get; init; } = "Password";
    public string ChangePassword { get; init; } = "Change the password";
    public string CurrentPassword { get; init; } = "Current password";
    public string CurrentPasswordMissing { get; init; } = "Enter your current password.";
    public string PasswordChanged { get; init; } = "Your password is changed. Every other device was signed out.";
    public string ChangePasswordIntro { get; init; } = "Your other devices are signed out; this one stays.";
    public string Devices { get; init; } = "Devices";
    public string DevicesIntro { get; init; } = "Browsers and programs that are signed in to your account. End what you do not recognise, and change your password.";
    public string DevicesFault { get; init; } = "The list of your devices could not be loaded.";
    public string ThisDevice { get; init; } = "This device";
    public string SignedInAt { get; init; } = "Signed in";
    public string LastUsedAt { get; init; } = "last used";
    public string EndDevice { get; init; } = "Sign out";
    public string EndDeviceLabel { get; init; } = "Sign out {0}";
    public string DeviceEnded { get; init; } = "{0} is signed out.";
    public string SignOutEverywhere { get; init; } = "Sign out everywhere";
    public string SignOutEverywhereQuestion { get; init; } = "Sign out on all devices, this one too?";
    public string SignOutEverywhereYes { get; init; } = "Yes, sign out everywhere";
}
