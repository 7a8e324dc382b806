// What only the page itself knows: whether the browser is online, and where the focus goes.
let target = null;
const online = () => target?.invokeMethodAsync('BrowserIs', true);
const offline = () => target?.invokeMethodAsync('BrowserIs', false);

export function watch(dotnet) {
  target = dotnet;
  addEventListener('online', online);
  addEventListener('offline', offline);
  return navigator.onLine;
}

export function unwatch() {
  removeEventListener('online', online);
  removeEventListener('offline', offline);
  target = null;
}

// A link inside a popover leads on within the page, so nothing else closes it.
export function closeMenus() {
  document.querySelectorAll('[popover]:popover-open').forEach(menu => menu.hidePopover());
}

export function isOpen(id) {
  return document.getElementById(id)?.matches(':popover-open') ?? false;
}

export function focus(id) {
  document.getElementById(id)?.focus();
}

// As if it had been clicked: a button that opens a popover does so by itself.
export function press(id) {
  document.getElementById(id)?.click();
}
