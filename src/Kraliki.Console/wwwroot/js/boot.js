// Starts .NET; when that fails (an update in between, a proxy in the way) the page says so instead of loading for ever.
const failed = document.querySelector('[data-boot=failed]');
const tell = () => {
  // Once the console runs, its first render has replaced the loading state: later faults are its own business.
  if (failed.isConnected) {
    document.querySelector('[data-boot=opening]').hidden = true;
    document.querySelector('.boot-bar').hidden = true;
    failed.hidden = false;
  }
};

// A part that cannot be fetched leaves start() pending; it shows only as a rejection that nobody handled.
addEventListener('unhandledrejection', tell);
Blazor.start().catch(tell);
