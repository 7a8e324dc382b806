// Mixes the legs of a call from μ-law frames. One queue per leg smooths the network's jitter.
//
// A frame (AudioFrameHeader): leg (1 byte), kind (1 byte: 0 μ-law, 1 flush), 2 reserved, media time in ms (4, little endian),
// then μ-law samples at 8 kHz, which is also this worklet's rate.

const headerBytes = 8;
const kindFlush = 1;
const legCaller = 0;
const legAi = 1;
const samplesPerMs = 8;
const startAfter = 150 * samplesPerMs; // what a leg collects before it begins to sound
const startWithin = 200 * samplesPerMs; // … or the wait after which a shorter sound begins anyway
const backlogLimit = 600 * samplesPerMs; // live speech later than this is cut down to startAfter
const capacity = 120_000 * samplesPerMs; // two minutes: a provider sends its answers faster than they are spoken
const reportEvery = 1200; // samples between two level reports: 150 ms

// ITU-T G.711: sign, three bits of exponent, four of mantissa, all inverted; the bias of 132 makes the steps continuous.
const linear = Float32Array.from({ length: 256 }, (_, code) => {
  const bits = ~code & 0xff;
  const magnitude = ((((bits & 0x0f) << 3) + 132) << ((bits >> 4) & 7)) - 132;
  return (bits & 0x80 ? -magnitude : magnitude) / 32768;
});

class Leg {
  constructor(live) {
    this.live = live; // sent as it is spoken, so a backlog is delay and not speech to come
    this.ring = new Uint8Array(capacity);
    this.clear();
  }

  clear() {
    this.read = 0;
    this.length = 0;
    this.waited = 0;
    this.sounding = false;
  }

  push(samples) {
    for (let i = 0; i < samples.length; i++) {
      this.ring[(this.read + this.length) % capacity] = samples[i];
      if (this.length < capacity) {
        this.length++;
      } else {
        this.read = (this.read + 1) % capacity; // full: the oldest goes
      }
    }
    if (this.live && this.length > backlogLimit) {
      this.skip(this.length - startAfter);
    }
  }

  skip(count) {
    this.read = (this.read + count) % capacity;
    this.length -= count;
  }

  /** Adds this leg to the output; returns its peak. */
  mixInto(output) {
    if (!this.sounding) {
      this.waited = this.length === 0 ? 0 : this.waited + output.length;
      if (this.length < startAfter && this.waited < startWithin) {
        return 0;
      }
      this.sounding = true;
    }
    const count = Math.min(output.length, this.length);
    let peak = 0;
    for (let i = 0; i < count; i++) {
      const sample = linear[this.ring[(this.read + i) % capacity]];
      output[i] += sample;
      peak = Math.max(peak, Math.abs(sample));
    }
    this.skip(count);
    if (count < output.length) {
      this.sounding = false; // ran dry: collect again before going on
      this.waited = 0;
    }
    return peak;
  }
}

class ListenPlayer extends AudioWorkletProcessor {
  constructor() {
    super();
    this.legs = new Map();
    this.peaks = { caller: 0, ai: 0 };
    this.sinceReport = 0;
    this.port.onmessage = ({ data }) => {
      data.source.onmessage = ({ data: frame }) => this.take(frame);
    };
  }

  take(frame) {
    if (frame.byteLength < headerBytes) {
      return;
    }
    const [role, kind] = new Uint8Array(frame, 0, 2);
    let leg = this.legs.get(role);
    if (!leg) {
      leg = new Leg(role !== legAi);
      this.legs.set(role, leg);
    }
    if (kind === kindFlush) {
      leg.clear();
    } else {
      leg.push(new Uint8Array(frame, headerBytes));
    }
  }

  process(_, [[output]]) {
    for (const [role, leg] of this.legs) {
      const peak = leg.mixInto(output);
      const name = role === legCaller ? 'caller' : role === legAi ? 'ai' : null;
      if (name) {
        this.peaks[name] = Math.max(this.peaks[name], peak);
      }
    }
    this.sinceReport += output.length;
    if (this.sinceReport >= reportEvery) {
      this.port.postMessage(this.peaks);
      this.peaks = { caller: 0, ai: 0 };
      this.sinceReport = 0;
    }
    return true;
  }
}

registerProcessor('listen-player', ListenPlayer);
