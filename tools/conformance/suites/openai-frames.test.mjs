// Every kind of server frame, held against the zod schemas of the agents SDK, field by field.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openai } from '../lib/settings.mjs';
import { RecordingClient, problemOf } from '../lib/frames.mjs';

let client;
before(async () => { client = await RecordingClient.connect(`${openai.socketUrl}?model=gpt-realtime-2.1`); });
after(() => client.close());

const tone = ms => Buffer.from(Array.from({ length: 8 * ms }, (_, i) => (i % 16 < 8 ? 0x90 : 0x10)));
const quiet = ms => Buffer.alloc(8 * ms, 0xff);
const append = audio => {
  for (let at = 0; at < audio.length; at += 160) {
    client.send({ type: 'input_audio_buffer.append', audio: audio.subarray(at, at + 160).toString('base64') });
  }
};

test('the session opens and takes an update', async () => {
  const created = await client.next('session.created');
  assert.match(created.session.id, /^sess_/);
  client.send({
    type: 'session.update',
    session: {
      type: 'realtime',
      instructions: 'Help the caller.',
      audio: {
        input: { format: { type: 'audio/pcmu' }, transcription: { model: 'gpt-4o-mini-transcribe' } },
        output: { format: { type: 'audio/pcmu' }, voice: 'cedar' },
      },
      tools: [{ type: 'function', name: 'end_call', description: 'Hangs up.', parameters: { type: 'object', properties: {} } }],
    },
  });
  const updated = await client.next('session.updated');
  assert.equal(updated.session.audio.output.voice, 'cedar');
});

test('a turn that the server finds is committed, written down and answered', async () => {
  append(quiet(400));
  append(tone(800));
  append(quiet(600));
  const started = await client.next('input_audio_buffer.speech_started');
  const committed = await client.next('input_audio_buffer.committed');
  assert.equal(committed.item_id, started.item_id);
  await client.next('response.done');
  await client.next('rate_limits.updated');
});

test('a text message is answered in audio, and the answer can be truncated and retrieved', async () => {
  client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'When are you open?' }] } });
  await client.next('conversation.item.done');
  client.send({ type: 'response.create' });
  const done = await client.next('response.done');
  assert.equal(done.response.status, 'completed');
  const [item] = done.response.output;
  client.send({ type: 'conversation.item.truncate', item_id: item.id, content_index: 0, audio_end_ms: 500 });
  await client.next('conversation.item.truncated');
  client.send({ type: 'conversation.item.retrieve', item_id: item.id });
  const retrieved = await client.next('conversation.item.retrieved');
  assert.equal(Buffer.from(retrieved.item.content[0].audio, 'base64').length, 500 * 8);
  client.send({ type: 'conversation.item.delete', item_id: item.id });
  await client.next('conversation.item.deleted');
});

test('a goodbye calls the function that ends the call', async () => {
  client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Thank you, goodbye.' }] } });
  client.send({ type: 'response.create' });
  const call = await client.next('response.function_call_arguments.done');
  const done = await client.next('response.done');
  assert.deepEqual(done.response.output.map(item => item.type), ['message', 'function_call']);
  client.send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: call.call_id, output: 'The line is still open.' } });
  client.send({ type: 'response.create', response: { output_modalities: ['text'] } });
  const text = await client.next('response.output_text.done');
  assert.equal(text.text, 'The line is still open.');
  await client.next('response.done');
});

test('a response is cancelled, and nothing is left to cancel', async () => {
  client.send({ type: 'response.create', response: { instructions: 'Say: one, two, three, four, five, six, seven, eight, nine, ten.' } });
  await client.next('response.output_audio.delta');
  client.send({ type: 'response.cancel' });
  const done = await client.next('response.done');
  assert.deepEqual(done.response.status_details, { type: 'cancelled', reason: 'client_cancelled' });
  client.send({ type: 'response.cancel', event_id: 'mine' });
  const { error } = await client.next('error');
  assert.equal(error.code, 'response_cancel_not_active');
  assert.equal(error.event_id, 'mine');
});

test('the input buffer is cleared, and too little of it is not committed', async () => {
  client.send({ type: 'input_audio_buffer.clear' });
  await client.next('input_audio_buffer.cleared');
  client.send({ type: 'input_audio_buffer.commit' });
  assert.equal((await client.next('error')).error.code, 'input_audio_buffer_commit_empty');
  client.sendRaw('{"type":');
  assert.equal((await client.next('error')).error.code, 'invalid_json');
});

test('all frames so far fit the schemas of the SDK', () => {
  assert.deepEqual(client.frames.map(problemOf).filter(Boolean), []);
  const kinds = new Set(client.frames.map(frame => frame.type));
  assert.ok(kinds.size >= 28, `Only ${kinds.size} kinds were seen: ${[...kinds]}`);
});

test('the schema check can fail', () => {
  const delta = client.frames.find(frame => frame.type === 'response.output_audio.delta');
  assert.equal(problemOf(delta), null);
  assert.match(problemOf({ ...delta, item_id: undefined }), /item_id/);
  assert.match(problemOf({ ...delta, type: 'response.audio.delta' }), /discriminator/i);
});
