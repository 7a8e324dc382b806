// Keeps the newest line in view while the reader is at the end, and leaves the reader alone otherwise.
const nearEndPx = 48;

export function attach(element, dotnet) {
  let following = true;
  let known = element.querySelectorAll('[data-row]').length;
  let seen = known;

  const atEnd = () => element.scrollHeight - element.scrollTop - element.clientHeight < nearEndPx;
  const toEnd = () => {
    element.scrollTop = element.scrollHeight;
  };
  const tell = () => dotnet.invokeMethodAsync('ReaderMoved', following, Math.max(0, known - seen));

  const onScroll = () => {
    const end = atEnd();
    if (end !== following) {
      following = end;
      seen = known;
      tell();
    }
  };
  const observer = new MutationObserver(() => {
    const rows = element.querySelectorAll('[data-row]').length;
    const grew = rows !== known;
    known = rows;
    if (following) {
      seen = known;
      toEnd();
    } else if (grew) {
      tell();
    }
  });
  const resize = new ResizeObserver(() => following && toEnd());

  element.addEventListener('scroll', onScroll, { passive: true });
  observer.observe(element, { childList: true, subtree: true, characterData: true });
  resize.observe(element);
  toEnd();

  return {
    jump() {
      following = true;
      seen = known;
      toEnd();
      tell();
    },
    detach() {
      element.removeEventListener('scroll', onScroll);
      observer.disconnect();
      resize.disconnect();
    },
  };
}
