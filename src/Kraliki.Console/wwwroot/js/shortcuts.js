// Keyboard shortcuts: Ctrl+Shift (or ⌘+Shift) and a key from .NET's map; plus the single key "?" unless switched off.
const singleKeySetting = 'kraliki.single_keys';
const repeatAfterMs = 400; // a key held down or struck twice acts once

let listener = null;
let lastCode = '';
let lastAt = 0;

export function start(target, codes) {
  stop();
  listener = event => {
    if (event.isComposing || event.defaultPrevented) {
      return;
    }
    const chord = (event.ctrlKey || event.metaKey) && event.shiftKey && !event.altKey && codes.includes(event.code);
    const single = event.key === '?' && !event.ctrlKey && !event.metaKey && !event.altKey && singleKeys() && !typing(event.target);
    if (!chord && !single) {
      return;
    }
    event.preventDefault();
    const code = single ? '?' : event.code;
    const repeated = event.repeat || (code === lastCode && event.timeStamp - lastAt < repeatAfterMs);
    const arrows = code.startsWith('Arrow');
    if (!repeated || arrows) {
      lastCode = code;
      lastAt = event.timeStamp;
      target.invokeMethodAsync('PressedAsync', code);
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

export function singleKeys() {
  try {
    return localStorage.getItem(singleKeySetting) !== 'off';
  } catch {
    return true;
  }
}

export function allowSingleKeys(allowed) {
  try {
    localStorage.setItem(singleKeySetting, allowed ? 'on' : 'off');
  } catch {
    // storage is forbidden: the choice lasts as long as the page
  }
}

function typing(element) {
  return element instanceof HTMLElement && (element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName));
}
