const setting = name => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run the suites with "npm test".`);
  return value;
};

export const openai = {
  url: setting('OPENAI_URL'),
  socketUrl: `${setting('OPENAI_URL').replace(/^http/, 'ws')}/realtime`,
  tlsUrl: setting('OPENAI_TLS_URL'),
  ca: setting('OPENAI_CA'),
};

export const deepgramUrl = setting('DEEPGRAM_URL').replace(/\/$/, '');

export const chatUrl = setting('CHAT_URL');

export const gemini = {
  url: setting('GEMINI_URL').replace(/\/$/, ''),
};

export const twilioSimulator = {
  url: setting('TWILIO_URL').replace(/\/$/, ''),
  sid: setting('TWILIO_SID'),
  token: setting('TWILIO_TOKEN'),
};

export const kraliki = {
  url: setting('KRALIKI_URL'),
  user: setting('KRALIKI_USER'),
  password: setting('KRALIKI_PASSWORD'),
};

/** Rejects with a sentence instead of hanging for ever. */
export function within(ms, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not happen within ${ms} ms.`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
