// The `@deepgram/sdk` package: live transcription hears what Aura's socket has spoken.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { DeepgramClient } from '@deepgram/sdk';
import { deepgramUrl, within } from '../lib/settings.mjs';

const sockets = deepgramUrl.replace(/^http/, 'ws');
const client = new DeepgramClient({
  apiKey: 'dg-test',
  environment: { base: deepgramUrl, production: sockets, agent: sockets, agentRest: deepgramUrl },
});

// One that a failed test leaves open would keep this process alive.
const opened = [];
after(() => opened.forEach(socket => socket.close()));

/** Opens one of the SDK's sockets and keeps what comes. Without `reconnectAttempts: 0` it would connect again for ever. */
async function open(resource, options) {
  const socket = await resource.connect({ ...options, reconnectAttempts: 0 });
  opened.push(socket);
  const kept = { socket, messages: [], audio: [], errors: [], waiting: [] };
  socket.on('message', message => {
    (message.type ? kept.messages : kept.audio).push(message);
    kept.waiting = kept.waiting.filter(check => !check());
  });
  socket.on('error', error => kept.errors.push(error));
  kept.closed = new Promise(resolve => socket.on('close', event => resolve(event.code)));
  kept.next = (type, fits = () => true) => within(15_000, type, new Promise(resolve => {
    const check = () => {
      const found = kept.messages.find(message => message.type === type && fits(message));
      if (found) resolve(found);
      return Boolean(found);
    };
    if (!check()) kept.waiting.push(check);
  }));
  socket.connect();
  await within(5_000, 'opening the socket', socket.waitForOpen());
  return kept;
}

const bytesOf = async pieces => Buffer.concat(await Promise.all(pieces.map(async piece =>
  Buffer.from(piece instanceof Blob ? await piece.arrayBuffer() : piece))));

test('text is spoken, flushed, cleared and closed', async () => {
  const speak = await open(client.speak.v1, { model: 'aura-2-thalia-en', encoding: 'mulaw', sample_rate: 8000 });
  assert.equal((await speak.next('Metadata')).model_name, 'aura-2-thalia-en');
  speak.socket.sendText({ type: 'Speak', text: 'Where is your office?' });
  speak.socket.sendFlush({ type: 'Flush' });
  assert.equal((await speak.next('Flushed')).sequence_id, 0);
  const bytes = (await bytesOf(speak.audio)).length;
  assert.ok(bytes > 6_000 && bytes < 32_000, `${bytes} bytes of speech`);
  speak.socket.sendClear({ type: 'Clear' });
  assert.equal((await speak.next('Cleared')).sequence_id, 1);
  speak.socket.sendClose({ type: 'Close' });
  assert.equal(await within(5_000, 'the close', speak.closed), 1000);
  assert.deepEqual(speak.errors, []);
});

test('speech is transcribed with interim results, an end of speech, an end of utterance and a summary', async () => {
  const speak = await open(client.speak.v1, { model: 'aura-2-orion-en', encoding: 'mulaw', sample_rate: 8000 });
  speak.socket.sendText({ type: 'Speak', text: 'Hello, this is the travel office.' });
  speak.socket.sendFlush({ type: 'Flush' });
  await speak.next('Flushed');
  const speech = await bytesOf(speak.audio);
  speak.socket.close();

  const listen = await open(client.listen.v1, {
    model: 'nova-3', encoding: 'mulaw', sample_rate: 8000, channels: 1, interim_results: true, endpointing: 300,
    utterance_end_ms: 1000, vad_events: true,
  });
  const silence = Buffer.alloc(12_000, 0xff);
  const line = Buffer.concat([silence, speech, silence]);
  for (let at = 0; at < line.length; at += 800) listen.socket.sendMedia(line.subarray(at, at + 800));
  assert.ok((await listen.next('SpeechStarted')).timestamp > 1);
  const final = await listen.next('Results', results => results.speech_final);
  assert.ok(final.is_final);
  const [best] = final.channel.alternatives;
  assert.ok(best.transcript.length > 0, 'nothing was understood');
  assert.equal(best.words.length, best.transcript.split(' ').length);
  assert.ok((await listen.next('UtteranceEnd')).last_word_end > 1.5);
  listen.socket.sendKeepAlive({ type: 'KeepAlive' });
  listen.socket.sendFinalize({ type: 'Finalize' });
  await listen.next('Results', results => results.from_finalize);
  listen.socket.sendCloseStream({ type: 'CloseStream' });
  assert.ok((await listen.next('Metadata')).duration > 3);
  assert.equal(await within(5_000, 'the close', listen.closed), 1000);
  assert.deepEqual(listen.errors, []);
});

test('a request that is refused surfaces as an error with its status', async () => {
  const faults = `${deepgramUrl}/_control/speak/faults`;
  const armed = await fetch(faults, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ kind: 'refuse', code: '429' }) });
  assert.equal(armed.status, 202);
  const socket = await client.speak.v1.connect({ model: 'aura-2-luna-en', encoding: 'mulaw', sample_rate: 8000, reconnectAttempts: 0 });
  const failed = new Promise(resolve => socket.on('error', resolve));
  socket.connect();
  assert.match((await within(5_000, 'the refusal', failed)).message, /429/);
});

test('the voice agent greets, hears, asks for a function and tells its result', async () => {
  const speak = await open(client.speak.v1, { model: 'aura-2-orion-en', encoding: 'mulaw', sample_rate: 8000 });
  speak.socket.sendText({ type: 'Speak', text: 'Where is your office?' });
  speak.socket.sendFlush({ type: 'Flush' });
  await speak.next('Flushed');
  const speech = await bytesOf(speak.audio);
  speak.socket.close();

  const agent = await open(client.agent.v1, {});
  await agent.next('Welcome');
  const format = { encoding: 'mulaw', sample_rate: 8000 };
  agent.socket.sendSettings({
    type: 'Settings',
    audio: { input: format, output: { ...format, container: 'none' } },
    agent: {
      listen: { provider: { type: 'deepgram', model: 'nova-3' } },
      think: {
        provider: { type: 'open_ai', model: 'gpt-4.1-mini' }, prompt: 'Help travellers.',
        functions: [{ name: 'lookup_booking', description: 'Finds a booking.', parameters: { type: 'object', properties: { booking_number: { type: 'string' } }, required: ['booking_number'] } }],
      },
      speak: { provider: { type: 'deepgram', model: 'aura-2-thalia-en' } },
      greeting: 'Welcome on board.',
    },
  });
  await agent.next('SettingsApplied');
  assert.equal((await agent.next('ConversationText')).content, 'Welcome on board.');
  await agent.next('AgentAudioDone');
  assert.ok((await bytesOf(agent.audio)).length > 4_000);

  for (const piece of [Buffer.alloc(8_000, 0xff), speech, Buffer.alloc(8_000, 0xff)])
    for (let at = 0; at < piece.length; at += 800) agent.socket.sendMedia(piece.subarray(at, at + 800));
  await agent.next('UserStartedSpeaking');

  // What is put in while somebody speaks is answered together with his words: first he has to be done.
  await agent.next('ConversationText', text => text.role === 'user');
  await agent.next('ConversationText', text => text.role === 'assistant' && text.content !== 'Welcome on board.');
  agent.socket.sendInjectUserMessage({ type: 'InjectUserMessage', content: 'my booking number is four seven one nine' });
  const { functions: [call] } = await agent.next('FunctionCallRequest');
  assert.deepEqual([call.name, call.client_side, JSON.parse(call.arguments)], ['lookup_booking', true, { booking_number: '4719' }]);
  agent.socket.sendFunctionCallResponse({ type: 'FunctionCallResponse', id: call.id, name: call.name, content: '{"city":"Rome"}' });
  await agent.next('ConversationText', text => text.content === 'I found this. city: Rome.');
  agent.socket.close();
});
