// Runs before the first paint, so that nobody is flashed with the wrong theme. A stored choice wins over the system's.
(() => {
  const key = 'kraliki.theme';
  const system = matchMedia('(prefers-color-scheme: dark)');
  const stored = () => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null; // storage is forbidden: the system's choice is good enough
    }
  };
  const show = () => {
    document.documentElement.dataset.theme = stored() ?? (system.matches ? 'dark' : 'light');
  };
  system.addEventListener('change', show);
  addEventListener('storage', event => event.key === key && show());
  show();

  globalThis.kralikiTheme = {
    current: () => document.documentElement.dataset.theme,
    toggle: () => {
      const next = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
      try {
        localStorage.setItem(key, next);
      } catch {
        // not kept, but shown
      }
      document.documentElement.dataset.theme = next;
      return next;
    },
  };
})();
