// The tabs of one browser share its sign-in cookies. This module keeps them of one mind:
//   channel kraliki         auth_updated and auth_logout, to every other tab at once
//   storage kraliki.tokens  when the tokens were renewed and how long they last; the tokens themselves no script can see
//   lock    kraliki.renewal one tab renews at a time; the next in line finds fresh tokens and asks for nothing
//   lock    kraliki.renewed when the tokens were renewed, in its name: messages and storage reach another tab at some time,
//                           the list of locks is one for all of them at any moment
//   lock    kraliki.leader  held as long as its tab lives; its holder renews ahead of expiry
// Without locks every tab leads (the server gives parallel renewals the same tokens); without the channel a tab finds out
// when it is looked at.
const key = 'kraliki.tokens';
const renewAt = 0.75; // of the tokens' life, and up to a tenth more, so that a thousand consoles do not renew in step
const jitter = 0.1;
const retryAfterMs = 15_000; // the server was away: there is still a fifth of the life left
const renewedLock = 'kraliki.renewed.';
const sameLookMs = 1_000; // focus and visibilitychange come together

const channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel('kraliki') : null;
const locks = navigator.locks; // missing on plain http beyond this machine
let dotnet = null;
let leading = false;
let timer = 0;
let tokens = null;
let lookedAt = 0;
let unlist = () => {};

export function start(target) {
  dotnet = target;
  channel?.addEventListener('message', ({ data }) => {
    tokens = data.tokens ?? null;
    schedule();
    dotnet.invokeMethodAsync('HeardAsync', data.type);
  });
  document.addEventListener('visibilitychange', looked);
  addEventListener('focus', looked);
  addEventListener('pageshow', event => event.persisted && looked());
  if (locks) {
    locks.request('kraliki.leader', () => {
      lead();
      return new Promise(() => {}); // the browser takes the lock back when this tab closes
    });
  } else {
    lead();
  }
}

/** New tokens have come: every tab shall know, and look who it is now. */
export async function renewed(seconds) {
  const now = Date.now();
  tokens = { renewedAt: now, expiresAt: now + seconds * 1000 };
  store(JSON.stringify(tokens));
  schedule();
  changed();
  await list(now);
}

/** Something about the person changed, not the tokens. */
export function changed() {
  channel?.postMessage({ type: 'auth_updated', tokens: known() });
}

export function signedOut() {
  forget();
  channel?.postMessage({ type: 'auth_logout' });
}

export function forget() {
  tokens = null;
  store(null);
  schedule();
}

/** Runs .NET's renewal while no other tab does. True: another tab has renewed since usedAt, and nothing was asked. */
export async function alone(usedAt) {
  const turn = async () => {
    if (Math.max(known()?.renewedAt ?? 0, await listedAt()) > usedAt) {
      return true;
    }
    const seconds = await dotnet.invokeMethodAsync('TakeTurnAsync');
    if (seconds > 0) {
      await renewed(seconds);
    }
    return false;
  };
  return locks ? locks.request('kraliki.renewal', turn) : turn();
}

function looked() {
  const now = Date.now();
  if (document.visibilityState === 'visible' && now - lookedAt > sameLookMs) {
    lookedAt = now;
    dotnet.invokeMethodAsync('LookedAtAsync');
  }
}

function lead() {
  leading = true;
  schedule();
}

function schedule() {
  clearTimeout(timer);
  const current = known();
  if (leading && current) {
    const life = current.expiresAt - current.renewedAt;
    const due = current.renewedAt + life * (renewAt + jitter * Math.random());
    timer = setTimeout(renew, Math.max(0, due - Date.now()));
  }
}

async function renew() {
  if (!(await dotnet.invokeMethodAsync('RenewAsync')) && known()) {
    timer = setTimeout(renew, retryAfterMs);
  }
}

/** Puts the time on the list; back when every tab sees it there, and until this tab's next one or its end. */
function list(renewedAt) {
  return locks && new Promise(listed => {
    locks.request(renewedLock + renewedAt, { mode: 'shared' }, () => {
      listed();
      unlist();
      return new Promise(resolve => { unlist = resolve; });
    });
  });
}

async function listedAt() {
  const { held } = locks ? await locks.query() : { held: [] };
  return Math.max(0, ...held.filter(({ name }) => name.startsWith(renewedLock)).map(({ name }) => Number(name.slice(renewedLock.length))));
}

/** What this tab was told last, or what was stored later: a message may still be on its way. */
function known() {
  let stored = null;
  try {
    stored = JSON.parse(localStorage.getItem(key));
  } catch {
    // storage is forbidden: what was told has to do
  }
  return (stored?.renewedAt ?? 0) > (tokens?.renewedAt ?? 0) ? stored : tokens;
}

function store(value) {
  try {
    if (value === null) {
      localStorage.removeItem(key);
    } else {
      localStorage.setItem(key, value);
    }
  } catch {
    // storage is forbidden: the channel has to do
  }
}
