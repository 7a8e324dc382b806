// The application between carrier and provider, as the agents SDK has it: voice webhook, media socket, Twilio transport.
import { createServer } from 'node:http';
import { once } from 'node:events';
import twilio from 'twilio';
import { WebSocketServer } from 'ws';
import { RealtimeAgent, RealtimeSession } from '@openai/agents-realtime';
import { TwilioRealtimeTransportLayer } from '@openai/agents-extensions';
import { openai } from './settings.mjs';

export async function startApp() {
  const app = { webhooks: [], carrierMessages: [], clientEvents: [], serverEvents: [], errors: [] };
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    app.webhooks.push({ url: `${app.url}${request.url}`, path: request.url, headers: request.headers, params: Object.fromEntries(new URLSearchParams(body)) });
    response.setHeader('content-type', 'text/xml');
    response.end(request.url.startsWith('/voice') ? voiceAnswer(app.url) : '<Response/>');
  });
  const sockets = new WebSocketServer({ server, path: '/media' });
  sockets.on('connection', (socket, request) => {
    app.mediaRequest = request;
    serve(app, socket).catch(error => app.errors.push(error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  app.url = `http://127.0.0.1:${server.address().port}`;
  app.close = () => {
    app.session?.close();
    for (const socket of sockets.clients) socket.terminate();
    server.close();
    server.closeAllConnections();
  };
  return app;
}

function voiceAnswer(url) {
  const answer = new twilio.twiml.VoiceResponse();
  const stream = answer.connect().stream({ url: `${url.replace('http', 'ws')}/media` });
  stream.parameter({ name: 'token', value: 'one-time' });
  answer.hangup();
  return answer.toString();
}

async function serve(app, socket) {
  socket.on('message', data => app.carrierMessages.push(JSON.parse(data)));
  const transport = new TwilioRealtimeTransportLayer({ twilioWebSocket: socket });
  const send = transport.sendEvent.bind(transport);
  transport.sendEvent = event => {
    app.clientEvents.push(event);
    return send(event);
  };
  transport.on('*', event => {
    if (event.type !== 'twilio_message') app.serverEvents.push(event);
  });
  app.session = new RealtimeSession(new RealtimeAgent({ name: 'travel', instructions: 'Help travellers on the telephone.' }), {
    transport,
    model: 'gpt-realtime-2.1',
    tracingDisabled: true,
    config: { audio: { input: { format: { type: 'audio/pcmu' } }, output: { format: { type: 'audio/pcmu' } } } },
  });
  app.session.on('error', error => app.errors.push(error));
  await app.session.connect({ apiKey: 'sk-test', url: `${openai.socketUrl}?model=gpt-realtime-2.1` });
  transport.sendEvent({ type: 'response.create' });
}
