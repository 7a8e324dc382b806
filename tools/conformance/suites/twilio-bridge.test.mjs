// A whole call: our simulated caller, the agents SDK's Twilio transport as the application, our simulated model.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import twilio from 'twilio';
import { startApp } from '../lib/app.mjs';
import { problemOf } from '../lib/frames.mjs';
import { twilioSimulator, within } from '../lib/settings.mjs';

const script = `
name: bridge
title: Asks, interrupts, says goodbye
description: A short call for the conformance suite.
voice: rms
from: "+12025550177"
steps:
  - say: Can you tell me about the trip to Rome?
  - interrupt: Sorry, when are you open?
    after: 2s
  - expect: nine
  - hang_up: true
    after: answer
`;

let app;
let sid;
let report;
before(async () => {
  app = await startApp();
  const placed = await fetch(`${twilioSimulator.url}/_control/calls`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ voice_url: `${app.url}/voice`, status_url: `${app.url}/status`, script_yaml: script }),
  });
  const body = await placed.json();
  assert.equal(placed.status, 201, JSON.stringify(body));
  sid = body.call_sid;
  report = await within(50_000, 'the end of the call', ended());
});
after(() => app.close());

async function ended() {
  const events = await fetch(`${twilioSimulator.url}/_control/calls/${sid}/events`);
  for await (const chunk of events.body.pipeThrough(new TextDecoderStream())) {
    if (chunk.includes('event: ended')) break;
  }
  return (await fetch(`${twilioSimulator.url}/_control/calls/${sid}`)).json();
}

test('the SDK accepts the signature of every webhook', () => {
  assert.ok(app.webhooks.length >= 2, 'voice and status');
  for (const { url, headers, params } of app.webhooks) {
    assert.ok(twilio.validateRequest(twilioSimulator.token, headers['x-twilio-signature'], url, params), url);
    assert.ok(!twilio.validateRequest('another token', headers['x-twilio-signature'], url, params), url);
    assert.equal(params.CallSid, sid);
  }
  const media = app.mediaRequest;
  assert.ok(twilio.validateRequest(twilioSimulator.token, media.headers['x-twilio-signature'], `${app.url.replace('http', 'ws')}/media`, {})
    || twilio.validateRequest(twilioSimulator.token, media.headers['x-twilio-signature'], `${app.url}/media`, {}), 'media socket');
});

test('the media stream begins with connected and start and carries the parameters', () => {
  const [connected, start] = app.carrierMessages;
  assert.equal(connected.event, 'connected');
  assert.equal(start.event, 'start');
  assert.deepEqual(start.start.mediaFormat, { encoding: 'audio/x-mulaw', sampleRate: 8000, channels: 1 });
  assert.equal(start.start.customParameters.token, 'one-time');
  assert.ok(app.carrierMessages.filter(message => message.event === 'media').length > 300);
});

test('the model heard the caller and was interrupted by the rules', () => {
  const heard = app.serverEvents
    .filter(event => event.type === 'conversation.item.input_audio_transcription.completed')
    .map(event => event.transcript);
  assert.match(heard.join(' / '), /rome/);
  assert.match(heard.join(' / '), /open/);
  const truncations = app.clientEvents.filter(event => event.type === 'conversation.item.truncate');
  assert.ok(truncations.length >= 1, 'a truncation');
  assert.ok(truncations.every(event => Number.isInteger(event.audio_end_ms)));
  assert.ok(report.clears.length >= 1, 'a clear');
  assert.ok(report.clears[0].discarded_ms > 0, 'unheard audio was discarded');
  assert.ok(app.carrierMessages.some(message => message.event === 'mark'), 'marks come back');
});

test('neither side has anything against the other', () => {
  assert.deepEqual(report.violations, []);
  assert.deepEqual(app.errors, []);
  assert.deepEqual(app.serverEvents.filter(event => event.type === 'error'), []);
  assert.deepEqual(app.serverEvents.filter(event => event.event_id).map(problemOf).filter(Boolean), []);
});

test('the call ended as the caller wished', () => {
  assert.equal(report.status, 'completed');
  assert.equal(report.end.by, 'caller');
  assert.deepEqual(report.errors, []);
});
