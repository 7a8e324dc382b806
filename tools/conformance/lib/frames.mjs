import { createRequire } from 'node:module';
import path from 'node:path';
import WebSocket from 'ws';
import { within } from './settings.mjs';

const require = createRequire(import.meta.url);
// The schemas are not in the package's export map: they are loaded by their path.
const dist = path.dirname(require.resolve('@openai/agents-realtime'));
const { realtimeServerEventSchema, realtimeClientEventSchema } = require(path.join(dist, 'openaiRealtimeEvents.js'));

// Real event types that this version of the schemas does not know.
const newerThanTheSchemas = new Set(['input_audio_buffer.timeout_triggered']);

/** What the agents SDK has against a server frame; null when it fits. */
export function problemOf(frame) {
  if (newerThanTheSchemas.has(frame.type)) return null;
  const result = realtimeServerEventSchema.safeParse(frame);
  return result.success ? null : `${frame.type}: ${JSON.stringify(result.error.issues)}\n${JSON.stringify(frame).slice(0, 400)}`;
}

/** A bare client that keeps every server frame. What it sends must fit the SDK's schema too, unless it is wrong on purpose. */
export class RecordingClient {
  frames = [];
  #waiting = [];
  #socket;

  static async connect(url, key = 'sk-test') {
    const client = new RecordingClient();
    client.#socket = new WebSocket(url, { headers: { Authorization: `Bearer ${key}` }, perMessageDeflate: false });
    client.closed = new Promise(resolve => client.#socket.on('close', (code, reason) => resolve({ code, reason: String(reason) })));
    client.#socket.on('message', data => {
      client.frames.push(JSON.parse(data));
      client.#waiting = client.#waiting.filter(check => !check());
    });
    await within(5_000, 'opening the socket', new Promise((resolve, reject) => {
      client.#socket.on('open', resolve);
      client.#socket.on('error', reject);
    }));
    return client;
  }

  send(event) {
    const fits = realtimeClientEventSchema.safeParse(event);
    if (!fits.success) throw new Error(`This client event is wrong: ${JSON.stringify(fits.error.issues)}`);
    this.sendRaw(JSON.stringify(event));
  }

  sendRaw(text) {
    this.#socket.send(text);
  }

  /** The first frame of a type after the one that the last call returned. */
  async next(type, ms = 15_000) {
    const from = this.#cursor;
    const find = () => this.frames.findIndex((frame, index) => index >= from && frame.type === type);
    await within(ms, `'${type}' (seen: ${this.frames.slice(from).map(frame => frame.type)})`, new Promise(resolve => {
      const check = () => find() >= 0 && (resolve(), true);
      if (!check()) this.#waiting.push(check);
    }));
    this.#cursor = find() + 1;
    return this.frames[this.#cursor - 1];
  }

  #cursor = 0;

  close() {
    this.#socket.close();
  }
}
