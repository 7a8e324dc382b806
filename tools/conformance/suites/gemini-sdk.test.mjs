// `@google/genai`: its Live client against our simulator. The SDK accepts any JSON, so that what it hands on is checked here by hand.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GoogleGenAI, Modality, StartSensitivity, ActivityHandling, Behavior } from '@google/genai';
import { gemini, within } from '../lib/settings.mjs';

const model = 'gemini-3.8-live';

/** A session that keeps its messages; `next` is the first after the last one asked for that fits. */
const connect = async (config = {}, apiKey = 'g-test', name = model) => {
  const ai = new GoogleGenAI({ apiKey, httpOptions: { baseUrl: gemini.url } });
  const live = { messages: [], cursor: 0, waiting: [] };
  let closed;
  live.closed = new Promise(resolve => { closed = resolve; });
  const opening = ai.live.connect({
    model: name,
    config: { responseModalities: [Modality.AUDIO], inputAudioTranscription: {}, outputAudioTranscription: {}, ...config },
    callbacks: {
      onmessage: message => {
        live.messages.push(message);
        live.waiting = live.waiting.filter(check => !check());
      },
      onclose: event => closed({ code: event.code, reason: event.reason }),
    },
  });
  // A refused session never answers the setup, and the SDK waits for ever.
  live.session = await Promise.race([opening, live.closed.then(() => null)]);
  live.next = async (what, fits, ms = 20_000) => {
    const find = () => live.messages.findIndex((message, index) => index >= live.cursor && fits(message));
    await within(ms, what, new Promise(resolve => {
      const check = () => find() >= 0 && (resolve(), true);
      if (!check()) live.waiting.push(check);
    }));
    live.cursor = find() + 1;
    return live.messages[live.cursor - 1];
  };
  live.turn = () => live.next('turnComplete', message => message.serverContent?.turnComplete);
  return live;
};

const words = (live, kind) => live.messages.map(message => message.serverContent?.[kind]?.text ?? '').join('');
const say = (live, text) => live.session.sendClientContent({ turns: [{ role: 'user', parts: [{ text }] }], turnComplete: true });
const control = (path, body) => fetch(`${gemini.url}/_control/${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

/** What the model says, at its 24 kHz, to what the model hears, at 16 kHz. */
const resample = pcm => {
  const from = new Int16Array(pcm.buffer, pcm.byteOffset, pcm.length / 2);
  return Buffer.from(Int16Array.from({ length: Math.floor(from.length * 2 / 3) }, (_, i) => from[Math.floor(i * 1.5)]).buffer);
};

test('text is answered in audio with a transcript, and the turn ends in order', async () => {
  const live = await connect();
  assert.ok(live.messages.some(message => message.setupComplete));
  say(live, 'When are you open on Saturday?');
  const end = await live.turn();
  assert.match(words(live, 'outputTranscription'), /nine/);
  const audio = live.messages.flatMap(message => message.serverContent?.modelTurn?.parts ?? []);
  assert.ok(audio.every(part => part.inlineData.mimeType === 'audio/pcm;rate=24000'));
  assert.ok(audio.reduce((bytes, part) => bytes + Buffer.from(part.inlineData.data, 'base64').length, 0) > 48_000);
  assert.ok(end.usageMetadata.totalTokenCount > 20);
  const order = live.messages.map(message => Object.keys(message.serverContent ?? {})[0]);
  assert.ok(order.indexOf('generationComplete') > order.lastIndexOf('modelTurn'));
  assert.ok(order.indexOf('turnComplete') > order.indexOf('generationComplete'));
  live.session.close();
});

const speech = async () => {
  const speaker = await connect({ speechConfig: { voiceConfig: { prebuiltVoiceConfig: { voiceName: 'Puck' } } }, systemInstruction: 'Say: When are you open on Saturday?' });
  say(speaker, '');
  await speaker.turn();
  speaker.session.close();
  return resample(Buffer.concat(speaker.messages.flatMap(message => message.serverContent?.modelTurn?.parts ?? []).map(part => Buffer.from(part.inlineData.data, 'base64'))));
};

test('speech is found by the service, written down and answered', async () => {
  const pcm = Buffer.concat([Buffer.alloc(16_000), await speech(), Buffer.alloc(32_000)]);
  const live = await connect({ realtimeInputConfig: { automaticActivityDetection: { startOfSpeechSensitivity: StartSensitivity.START_SENSITIVITY_HIGH, silenceDurationMs: 500 } } });
  for (let at = 0; at < pcm.length; at += 3_200) {
    live.session.sendRealtimeInput({ audio: { data: pcm.subarray(at, at + 3_200).toString('base64'), mimeType: 'audio/pcm;rate=16000' } });
  }
  await live.turn();
  assert.ok(words(live, 'inputTranscription').length > 3, 'nothing was written down');
  assert.ok(words(live, 'outputTranscription').length > 3, 'nothing was answered');
  live.session.close();
});

test('speech that the client brackets itself is a turn', async () => {
  const live = await connect({ realtimeInputConfig: { automaticActivityDetection: { disabled: true }, activityHandling: ActivityHandling.NO_INTERRUPTION } });
  live.session.sendRealtimeInput({ activityStart: {} });
  live.session.sendRealtimeInput({ audio: { data: Buffer.concat([await speech(), Buffer.alloc(16_000)]).toString('base64'), mimeType: 'audio/pcm;rate=16000' } });
  live.session.sendRealtimeInput({ activityEnd: {} });
  await live.turn();
  assert.ok(words(live, 'inputTranscription').length > 3, 'nothing was written down');
  live.session.close();
});

const lookup = { functionDeclarations: [{ name: 'lookup_booking', description: 'Finds a booking.', behavior: Behavior.BLOCKING, parametersJsonSchema: { type: 'object', properties: { number: { type: 'string' } }, required: ['number'] } }] };

test('a tool is called, and its result is told', async () => {
  const live = await connect({ tools: [lookup] });
  say(live, 'What about my booking 4719?');
  const { toolCall } = await live.next('toolCall', message => message.toolCall);
  const [call] = toolCall.functionCalls;
  assert.deepEqual([call.name, call.args], ['lookup_booking', { number: '4719' }]);
  live.session.sendToolResponse({ functionResponses: [{ id: call.id, name: call.name, response: { output: { status: 'confirmed' } } }] });
  await live.turn();
  assert.match(words(live, 'outputTranscription'), /confirmed/);
  live.session.close();
});

test('content interrupts: interrupted, the call is cancelled, the turn ends without generationComplete', async () => {
  const live = await connect({ tools: [lookup] });
  say(live, 'What about my booking 4719?');
  const { toolCall } = await live.next('toolCall', message => message.toolCall);
  const since = live.messages.length;
  live.session.sendClientContent({ turnComplete: false });
  const { toolCallCancellation } = await live.next('toolCallCancellation', message => message.toolCallCancellation);
  await live.turn();
  assert.deepEqual(toolCallCancellation.ids, [toolCall.functionCalls[0].id]);
  assert.deepEqual(live.messages.slice(since).map(message => Object.keys(message.serverContent ?? message)[0]).filter(name => name !== 'sessionResumptionUpdate'),
    ['interrupted', 'toolCallCancellation', 'turnComplete']);
  live.session.close();
});

test('a session goes on in another connection by its handle', async () => {
  const first = await connect({ sessionResumption: {} });
  say(first, 'I would like to change my booking.');
  await first.turn();
  const update = await first.next('a newer handle', message => message.sessionResumptionUpdate?.resumable);
  first.session.close();
  const second = await connect({ sessionResumption: { handle: update.sessionResumptionUpdate.newHandle } });
  say(second, 'It is 4719.');
  await second.turn();
  assert.match(words(second, 'outputTranscription'), /booking/);
  second.session.close();
});

test('the end is announced, and a close frame tells what went wrong', async () => {
  await control('faults', { kind: 'expire', at: { on: 'setupComplete' } });
  const leaving = await connect();
  assert.match((await leaving.next('goAway', message => message.goAway)).goAway.timeLeft, /^\d+s$/);
  leaving.session.close();

  await control('faults', { kind: 'error_event', at: { on: 'setupComplete' } });
  const broken = await connect();
  assert.deepEqual(await within(5_000, 'the close', broken.closed), { code: 1011, reason: 'Internal error encountered.' });
});

test('a wrong key, model or setup is refused by a close frame', async () => {
  const close = async live => within(5_000, 'the close', (await live).closed);
  assert.deepEqual(await close(connect({}, 'wrong')), { code: 1007, reason: 'API key not valid. Please pass a valid API key.' });
  assert.equal((await close(connect({}, 'g-test', 'gemini-1.0'))).code, 1008);
  assert.equal((await close(connect({ sessionResumption: { handle: 'unknown' } }))).code, 1007);
});

test('REST lists the models for a good key', async () => {
  const ai = new GoogleGenAI({ apiKey: 'g-test', httpOptions: { baseUrl: gemini.url } });
  const names = [];
  for await (const entry of await ai.models.list()) names.push(entry.name);
  assert.ok(names.includes(`models/${model}`));
  await assert.rejects(new GoogleGenAI({ apiKey: 'wrong', httpOptions: { baseUrl: gemini.url } }).models.list(), /API key not valid/);
});
