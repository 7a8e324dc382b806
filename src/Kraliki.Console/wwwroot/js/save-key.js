// Ctrl+S (⌘+S) sends the form that is being written, instead of saving the page as a file.
let listener = null;

export function start(formSelector) {
  stop();
  listener = event => {
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.code === 'KeyS') {
      event.preventDefault();
      if (!event.repeat) {
        document.querySelector(formSelector)?.requestSubmit();
      }
    }
  };
  addEventListener('keydown', listener);
}

export function stop() {
  if (listener) {
    removeEventListener('keydown', listener);
    listener = null;
  }
}
