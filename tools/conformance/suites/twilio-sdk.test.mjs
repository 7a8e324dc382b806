// The `twilio` package: REST against our simulator, and the signature algorithm.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import twilio from 'twilio';
import { twilioSimulator, within } from '../lib/settings.mjs';

const require = createRequire(import.meta.url);
const RequestClient = require('twilio/lib/base/RequestClient');
const { getExpectedTwilioSignature } = require('twilio/lib/webhooks/webhooks');

// The SDK has no setting for the host: requests are sent elsewhere on their way out.
class LocalClient extends RequestClient {
  request(options) {
    const target = new URL(options.uri);
    const simulator = new URL(twilioSimulator.url);
    [target.protocol, target.host] = [simulator.protocol, simulator.host];
    return super.request({ ...options, uri: target.href });
  }
}

const client = (token = twilioSimulator.token) => twilio(twilioSimulator.sid, token, { httpClient: new LocalClient({}) });

let server;
let url;
const callbacks = [];
let wake = () => {};
before(async () => {
  server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    callbacks.push({ path: request.url, signature: request.headers['x-twilio-signature'], params: Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString())) });
    response.setHeader('content-type', 'text/xml');
    response.end('<Response><Pause length="20"/></Response>');
    wake();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${server.address().port}`;
});
after(() => {
  server.close();
  server.closeAllConnections();
});

const callback = (what, matches) => within(15_000, what, new Promise(resolve => {
  wake = () => callbacks.some(matches) && resolve(callbacks.find(matches));
  wake();
}));

test('a call is created, fetched, redirected and completed', async () => {
  const call = await client().calls.create({
    to: '+12025550111',
    from: '+12025550100',
    url: `${url}/outbound`,
    statusCallback: `${url}/status?of=call`,
    statusCallbackEvent: ['initiated', 'ringing', 'answered', 'completed'],
  });
  assert.match(call.sid, /^CA[0-9a-f]{32}$/);
  assert.equal(call.status, 'queued');

  await callback('the voice webhook', ({ path, params }) => path === '/outbound' && params.CallSid === call.sid);
  const live = await client().calls(call.sid).fetch();
  assert.equal(live.status, 'in-progress');
  assert.equal(live.direction, 'outbound-api');

  await client().calls(call.sid).update({ url: `${url}/elsewhere`, method: 'POST' });
  await callback('the redirected webhook', ({ path, params }) => path === '/elsewhere' && params.CallSid === call.sid);

  const completed = await client().calls(call.sid).update({ status: 'completed' });
  assert.equal(completed.sid, call.sid);
  const last = await callback('the completed callback', ({ params }) => params.CallStatus === 'completed' && params.CallSid === call.sid);
  assert.ok(Number(last.params.CallDuration) >= 0);
  assert.equal((await client().calls(call.sid).fetch()).status, 'completed');
  for (const { path, signature, params } of callbacks.filter(({ params }) => params.CallSid === call.sid)) {
    assert.ok(twilio.validateRequest(twilioSimulator.token, signature, `${url}${path}`, params), path);
  }
  const statuses = callbacks.filter(({ path }) => path.startsWith('/status')).map(({ params }) => params.CallStatus);
  assert.deepEqual(statuses, ['initiated', 'ringing', 'in-progress', 'completed']);
});

test('errors have the codes of the service', async () => {
  await assert.rejects(client().calls.create({ to: 'nobody', from: '+12025550100', url: `${url}/x` }), { status: 400, code: 21211 });
  await assert.rejects(client('wrong').calls.create({ to: '+12025550111', from: '+12025550100', url: `${url}/x` }), { status: 401, code: 20003 });
  await assert.rejects(client().calls(`CA${'0'.repeat(32)}`).fetch(), { status: 404, code: 20404 });
});

test('the signature vector of the documentation', () => {
  const params = { CallSid: 'CA1234567890ABCDE', Caller: '+14158675310', Digits: '1234', From: '+14158675310', To: '+18005551212' };
  const address = 'https://example.com/myapp.php?foo=1&bar=2';
  const signature = getExpectedTwilioSignature('12345', address, params);
  assert.equal(signature, 'L/OH5YylLD5NRKLltdqwSvS0BnU=');
  assert.ok(twilio.validateRequest('12345', signature, address, params));
  assert.ok(!twilio.validateRequest('12345', signature, address, { ...params, Digits: '1235' }));
});
