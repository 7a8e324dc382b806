// A relay of Twilio Media Streams to the OpenAI Realtime API as a careful Node developer writes it by hand: one process,
// `ws` with native masking, audio/pcmu both ways, payloads passed on as text, Nagle off, no per-frame timers or logs.
// Same webhook, media path and provider as Kraliki, so that one load tool measures both.
//
//   PORT=5090 PROVIDER=ws://127.0.0.1:9090/v1/realtime?model=gpt-realtime node relay.mjs
import { createServer } from 'node:http';
import { randomUUID } from 'node:crypto';
import { WebSocket, WebSocketServer } from 'ws';

const port = Number(process.env.PORT ?? 5090);
const provider = process.env.PROVIDER ?? 'ws://127.0.0.1:9090/v1/realtime?model=gpt-realtime';
const options = { headers: { Authorization: `Bearer ${process.env.API_KEY ?? 'sk-load'}` }, perMessageDeflate: false };
const sessionUpdate = JSON.stringify({
  type: 'session.update',
  session: {
    type: 'realtime',
    output_modalities: ['audio'],
    instructions: 'You are a helpful assistant on the phone.',
    audio: {
      input: { format: { type: 'audio/pcmu' }, turn_detection: { type: 'server_vad' } },
      output: { format: { type: 'audio/pcmu' }, voice: 'marin' },
    },
  },
});

const http = createServer((request, response) => {
  if (request.method !== 'POST' || request.url !== '/telephony/twilio/voice') {
    response.writeHead(request.url === '/health/ready' ? 200 : 404).end();
    return;
  }
  request.resume();
  response.writeHead(200, { 'Content-Type': 'text/xml' }).end(
    `<Response><Connect><Stream url="ws://${request.headers.host}/telephony/twilio/media">`
    + `<Parameter name="token" value="${randomUUID()}"/></Stream></Connect></Response>`);
});

const media = new WebSocketServer({ noServer: true, perMessageDeflate: false });
http.on('upgrade', (request, socket, head) => {
  socket.setNoDelay(true);
  media.handleUpgrade(request, socket, head, relay);
});

function relay(carrier) {
  let ai;
  let streamSid;
  let waiting = []; // caller audio while the provider is dialled, about 10 s at most
  let item;
  let startedAt = 0;
  let newest = 0;
  let marks = 0;

  carrier.on('message', (data) => {
    const message = JSON.parse(data);
    switch (message.event) {
      case 'media': {
        newest = Number(message.media.timestamp);
        const append = `{"type":"input_audio_buffer.append","audio":"${message.media.payload}"}`;
        if (waiting === undefined) ai.send(append);
        else if (waiting.length < 500) waiting.push(append);
        break;
      }
      case 'mark':
        marks--;
        break;
      case 'start':
        streamSid = message.start.streamSid;
        connect();
        break;
      case 'stop':
        carrier.close();
        break;
    }
  });
  carrier.on('close', () => ai?.close());
  carrier.on('error', () => carrier.terminate());

  function connect() {
    ai = new WebSocket(provider, options);
    ai.on('open', () => {
      ai._socket.setNoDelay(true);
      ai.send(sessionUpdate);
      for (const append of waiting) ai.send(append);
      waiting = undefined;
    });
    ai.on('message', (data) => {
      const event = JSON.parse(data);
      switch (event.type) {
        case 'response.output_audio.delta':
          if (event.item_id !== item) { item = event.item_id; startedAt = newest; }
          carrier.send(`{"event":"media","streamSid":"${streamSid}","media":{"payload":"${event.delta}"}}`);
          break;
        case 'response.output_audio.done':
          marks++;
          carrier.send(JSON.stringify({ event: 'mark', streamSid, mark: { name: event.item_id } }));
          break;
        case 'input_audio_buffer.speech_started':
          if (marks > 0 || item) {
            ai.send(JSON.stringify({ type: 'conversation.item.truncate', item_id: item, content_index: 0, audio_end_ms: newest - startedAt }));
            carrier.send(JSON.stringify({ event: 'clear', streamSid }));
            item = undefined;
          }
          break;
      }
    });
    ai.on('close', () => carrier.close());
    ai.on('error', () => carrier.close());
  }
}

http.listen(port, '127.0.0.1', () => console.log(`listening on ${port}`));
