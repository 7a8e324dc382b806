// The session socket as a listener uses it: identify, ask for audio, answer the heartbeat, hand binary frames on.
// Runs in a worker, so that a busy page does not make the sound stutter.

onmessage = ({ data: { url, ticket, afterSeq, sink } }) => {
  const socket = new WebSocket(url);
  let heartbeat = 0;
  socket.binaryType = 'arraybuffer';
  const send = message => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message));

  socket.onmessage = ({ data }) => {
    if (data instanceof ArrayBuffer) {
      sink.postMessage(data, [data]);
      return;
    }
    const message = JSON.parse(data);
    if (message.type === 'hello') {
      send({ type: 'identify', ticket, after_seq: afterSeq });
      heartbeat = setInterval(() => send({ type: 'ping', timestamp: Date.now() }), message.heartbeat_interval_ms);
    } else if (message.type === 'ready') {
      send({ type: 'listen', enabled: true });
      postMessage({ state: 'listening' });
    }
  };
  socket.onclose = ({ reason }) => {
    clearInterval(heartbeat);
    postMessage({ state: reason === 'session_over' ? 'over' : 'lost' });
  };
};
