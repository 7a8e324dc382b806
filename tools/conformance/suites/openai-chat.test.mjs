// The `openai` package against the simulated chat endpoint.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { chatUrl } from '../lib/settings.mjs';

const client = new OpenAI({ apiKey: 'sk-test', baseURL: chatUrl, maxRetries: 0 });
const model = 'gpt-4.1-mini';
const booking = { role: 'user', content: 'my booking number is four seven one nine' };
const tools = [{
  type: 'function',
  function: { name: 'lookup_booking', parameters: { type: 'object', properties: { booking_number: { type: 'string' } }, required: ['booking_number'] } },
}];

test('an answer is streamed and its usage counted', async () => {
  const stream = client.chat.completions.stream({ model, messages: [{ role: 'user', content: 'when are you open' }], stream_options: { include_usage: true } });
  let words = 0;
  stream.on('content', () => { words += 1; });
  const completion = await stream.finalChatCompletion();
  assert.match(completion.choices[0].message.content, /nine/);
  assert.equal(completion.choices[0].finish_reason, 'stop');
  assert.ok(words > 10, `${words} pieces`);
  assert.equal(completion.usage.total_tokens, completion.usage.prompt_tokens + completion.usage.completion_tokens);
});

test('a tool is asked for and its result is told', async () => {
  const asked = await client.chat.completions.stream({ model, messages: [booking], tools }).finalChatCompletion();
  const [call] = asked.choices[0].message.tool_calls;
  assert.equal(asked.choices[0].finish_reason, 'tool_calls');
  assert.deepEqual(JSON.parse(call.function.arguments), { booking_number: '4719' });
  const told = await client.chat.completions.create({
    model, tools, messages: [booking, asked.choices[0].message, { role: 'tool', tool_call_id: call.id, content: '{"city":"Rome"}' }],
  });
  assert.equal(told.choices[0].message.content, 'I found this. city: Rome.');
});

test('errors arrive as the SDK knows them', async () => {
  await assert.rejects(client.chat.completions.create({ model: 'gpt-none', messages: [booking] }), { status: 404, code: 'model_not_found' });
  await assert.rejects(client.chat.completions.create({ model, messages: [] }), { status: 400, param: 'messages' });
  const faults = chatUrl.replace(/\/v1$/, '/_control/faults');
  await fetch(faults, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ kind: 'refuse', code: '429' }) });
  await assert.rejects(client.chat.completions.create({ model, messages: [booking] }), { status: 429, code: 'rate_limit_exceeded' });
});
