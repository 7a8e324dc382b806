// The `openai` package: its Realtime client insists on TLS, its REST client does not.
import assert from 'node:assert/strict';
import { request } from 'node:https';
import { test } from 'node:test';
import OpenAI from 'openai';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import { openai, within } from '../lib/settings.mjs';

const connect = (apiKey = 'sk-test', model = 'gpt-realtime-2.1') => {
  const client = new OpenAI({ apiKey, baseURL: openai.tlsUrl });
  const rt = new OpenAIRealtimeWS({ model, options: { ca: openai.ca } }, client);
  rt.errors = [];
  rt.on('error', error => rt.errors.push(error));
  rt.closed = new Promise(resolve => rt.socket.on('close', (code, reason) => resolve({ code, reason: String(reason) })));
  return rt;
};

// fetch has no way to trust a certificate of its own.
const post = (url, body) => new Promise((resolve, reject) => {
  const sent = request(url, { method: 'POST', ca: openai.ca, headers: { 'content-type': 'application/json' } }, response => {
    response.resume();
    response.on('end', () => (response.statusCode < 300 ? resolve() : reject(new Error(`${url} answered ${response.statusCode}`))));
  });
  sent.on('error', reject);
  sent.end(JSON.stringify(body));
});
const event = (rt, type) => within(15_000, type, new Promise(resolve => rt.once(type, resolve)));

test('a session is opened, updated and answers in audio with a transcript', async () => {
  const rt = connect();
  await event(rt, 'session.created');
  rt.send({ type: 'session.update', session: { type: 'realtime', audio: { output: { format: { type: 'audio/pcmu' } } } } });
  assert.equal((await event(rt, 'session.updated')).session.audio.output.format.type, 'audio/pcmu');
  let bytes = 0;
  rt.on('response.output_audio.delta', delta => { bytes += Buffer.from(delta.delta, 'base64').length; });
  rt.send({ type: 'response.create' });
  const transcript = await event(rt, 'response.output_audio_transcript.done');
  const done = await event(rt, 'response.done');
  assert.match(transcript.transcript, /Kraliki/);
  assert.equal(done.response.status, 'completed');
  assert.ok(bytes > 8_000, `${bytes} bytes of audio`);
  assert.ok(done.response.usage.output_token_details.audio_tokens > 20);
  rt.close();
  await within(5_000, 'the close', rt.closed);
  assert.deepEqual(rt.errors, []);
});

test('an error event surfaces as an error with its code', async () => {
  const rt = connect();
  await event(rt, 'session.created');
  rt.send({ type: 'response.cancel' });
  const error = await event(rt, 'error');
  assert.equal(error.error.code, 'response_cancel_not_active');
  rt.close();
});

test('a wrong model is refused after the handshake with close code 4000', async () => {
  const rt = connect('sk-test', 'gpt-3');
  const { code, reason } = await within(5_000, 'the close', rt.closed);
  assert.deepEqual([code, reason], [4000, 'invalid_request_error.invalid_model']);
  assert.equal(rt.errors[0].error.code, 'invalid_model');
});

test('the end of a session arrives unchanged', async () => {
  const rt = connect();
  const { session } = await event(rt, 'session.created');
  await post(`${openai.tlsUrl.replace(/\/v1$/, '/_control')}/faults`, {
    kind: 'expire', at: { on: 'input_audio_buffer.clear' }, connection: session.id,
  });
  rt.send({ type: 'input_audio_buffer.clear' });
  assert.equal((await event(rt, 'error')).error.code, 'session_expired');
  assert.deepEqual(await within(5_000, 'the close', rt.closed), { code: 1001, reason: 'Your session hit the maximum duration of 60 minutes.' });
});

test('REST mints client secrets and lists models', async () => {
  const client = new OpenAI({ apiKey: 'sk-test', baseURL: openai.url });
  const secret = await client.realtime.clientSecrets.create({
    expires_after: { anchor: 'created_at', seconds: 60 },
    session: { type: 'realtime', model: 'gpt-realtime', instructions: 'Be kind.' },
  });
  assert.match(secret.value, /^ek_/);
  assert.equal(secret.session.instructions, 'Be kind.');
  const models = [];
  for await (const model of client.models.list()) models.push(model.id);
  assert.ok(models.includes('gpt-realtime-2.1'));
  await assert.rejects(client.models.retrieve('gpt-3'), { status: 404, code: 'model_not_found' });
});
