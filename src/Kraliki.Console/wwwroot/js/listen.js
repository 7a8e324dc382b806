// Listening to a call. The audio never passes .NET nor the page's thread:
//   session socket → listen-socket.js (worker) → MessagePort → listen-player.js (audio worklet) → loudspeaker
// This file starts and stops the two and tells .NET the state and, a few times a second, the levels.

const telephoneRate = 8000; // the browser resamples from here to the device with its own filter

let active = null;

/** Call from a user's gesture: browsers keep sound back otherwise. */
export async function start(url, ticket, afterSeq, dotnet) {
  await stop();
  const context = new AudioContext({ sampleRate: telephoneRate, latencyHint: 'interactive' });
  const session = { context, worker: null, player: null, blocked: null };
  active = session;
  const tell = state => {
    if (active === session) {
      dotnet.invokeMethodAsync('StateIs', state);
    }
  };

  try {
    // resume() stays pending while the browser wants a gesture; the module loads meanwhile.
    const resumed = context.resume();
    await context.audioWorklet.addModule(new URL('./listen-player.js', import.meta.url));
    const running = await Promise.race([resumed.then(() => true), new Promise(no => setTimeout(no, 1500, false))]);
    if (active !== session) {
      return;
    }
    if (!running) {
      tell('blocked');
      await stop();
      return;
    }

    session.player = new AudioWorkletNode(context, 'listen-player', { numberOfInputs: 0, outputChannelCount: [1] });
    session.player.connect(context.destination);
    session.player.port.onmessage = ({ data }) => {
      if (active === session) {
        dotnet.invokeMethodAsync('LevelsAre', data.caller, data.ai);
      }
    };

    const pipe = new MessageChannel();
    session.player.port.postMessage({ source: pipe.port1 }, [pipe.port1]);
    session.worker = new Worker(new URL('./listen-socket.js', import.meta.url), { type: 'module' });
    session.worker.onmessage = ({ data }) => tell(data.state);
    session.worker.onerror = () => tell('failed');
    session.worker.postMessage({ url, ticket, afterSeq, sink: pipe.port2 }, [pipe.port2]);
  } catch (error) {
    console.warn('Listening could not start', error);
    tell('failed');
    await stop();
  }
}

export async function stop() {
  const session = active;
  active = null;
  if (session) {
    session.worker?.terminate();
    session.player?.disconnect();
    if (session.context.state !== 'closed') {
      await session.context.close();
    }
  }
}
