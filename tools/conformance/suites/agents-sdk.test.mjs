// The agents SDK: it parses every frame by schema and builds its own history from them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } from '@openai/agents-realtime';
import { openai, within } from '../lib/settings.mjs';

const once = (emitter, name, matches = () => true) => within(20_000, name, new Promise(resolve => {
  const listener = (...values) => {
    if (!matches(...values)) return;
    emitter.off(name, listener);
    resolve(values);
  };
  emitter.on(name, listener);
}));

async function connect(agent) {
  const session = new RealtimeSession(agent, {
    transport: new OpenAIRealtimeWebSocket(),
    model: 'gpt-realtime-2.1',
    tracingDisabled: true,
  });
  session.errors = [];
  session.on('error', error => session.errors.push(error));
  await within(10_000, 'connecting', session.connect({ apiKey: 'sk-test', url: `${openai.socketUrl}?model=gpt-realtime-2.1` }));
  return session;
}

test('a text message brings audio, history and the end of the turn', async () => {
  const session = await connect(new RealtimeAgent({ name: 'travel', instructions: 'Help travellers.' }));
  let bytes = 0;
  session.on('audio', audio => { bytes += audio.data.byteLength; });
  const ended = once(session, 'agent_end');
  session.sendMessage('How much does the trip to Vienna cost?');
  const [, , answer] = await ended;
  assert.match(answer, /euros/);
  assert.ok(bytes > 48_000, `${bytes} bytes of audio`);
  assert.deepEqual(session.history.map(item => item.role), ['user', 'assistant']);
  assert.deepEqual(session.errors, []);
  session.close();
});

test('an interruption cancels the answer and the session goes on', async () => {
  const session = await connect(new RealtimeAgent({ name: 'travel', instructions: 'Help travellers.' }));
  const audio = once(session, 'audio');
  session.sendMessage('Tell me about the trip to Rome.');
  await audio;
  const interrupted = once(session, 'audio_interrupted');
  const cancelled = once(session, 'transport_event', event => event.type === 'response.done' && event.response.status === 'cancelled');
  session.interrupt();
  await interrupted;
  await cancelled;
  const ended = once(session, 'agent_end');
  session.sendMessage('When are you open?');
  const [, , answer] = await ended;
  assert.match(answer, /nine/);
  assert.deepEqual(session.errors, []);
  session.close();
});

test('a function that the model calls runs here, and its result is spoken', async () => {
  const asked = [];
  const lookup = tool({
    name: 'lookup_booking',
    description: 'Finds a booking.',
    strict: false,
    parameters: { type: 'object', properties: { booking_number: { type: 'string' } }, required: ['booking_number'], additionalProperties: true },
    execute: async input => {
      asked.push(input.booking_number);
      return 'The booking is confirmed.';
    },
  });
  const session = await connect(new RealtimeAgent({ name: 'travel', instructions: 'Help travellers.', tools: [lookup] }));
  const spoken = once(session, 'agent_end', (_, __, text) => /confirmed/.test(text));
  session.sendMessage('My booking number is four seven one nine.');
  await spoken;
  assert.deepEqual(asked, ['4719']);
  assert.deepEqual(session.errors, []);
  session.close();
});
