// Reads where the film stands from what this browser decoded: the strip in the picture, the ticks in the sound
// (playback/timecode.py tells how both are drawn).  The body of an asynchronous function: arguments are
// [seconds, callback]; the answer is {frames: [[epoch_ms, strip_ms, decoding_ms]], ticks: [epoch_ms], misread, size}.
const [seconds, done] = arguments;
const video = document.querySelector('[data-testid="film"]');

const COLUMNS = 80, FIRST = 22, SQUARES = 36, ROWS = 45;
const canvas = document.createElement('canvas');
canvas.width = 640;
canvas.height = 8;
const pen = canvas.getContext('2d', { willReadFrequently: true });

const crc = (bytes) => bytes.reduce((sum, byte) => {
  let value = sum ^ byte;
  for (let bit = 0; bit < 8; bit++) value = value & 0x80 ? ((value << 1) ^ 0x07) & 0xff : value << 1;
  return value;
}, 0xff);

function strip() {
  const { videoWidth: w, videoHeight: h } = video;
  const top = Math.ceil((h * (ROWS - 1)) / ROWS), quarter = (h - top) / 4;
  pen.drawImage(video, 0, top + quarter, w, (h - top) / 2, 0, 0, canvas.width, canvas.height);
  const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
  const step = canvas.width / COLUMNS;
  const level = (k) => {
    let sum = 0, count = 0;
    for (let y = 1; y < canvas.height - 1; y++)
      for (let x = Math.floor((FIRST + k + 0.25) * step); x < (FIRST + k + 0.75) * step; x++, count++) {
        const at = 4 * (y * canvas.width + x);
        sum += 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
      }
    return sum / count;
  };
  const levels = Array.from({ length: SQUARES }, (_, k) => level(k));
  const light = (levels[0] + levels[35]) / 2, dark = (levels[1] + levels[34]) / 2;
  if (light - dark < 20) return null;
  const shares = levels.map((l) => (l - dark) / (light - dark));
  if (shares.some((s) => Math.min(Math.abs(s), Math.abs(1 - s)) > 0.3)) return null;
  const bits = shares.slice(2, 34).map((s) => (s > 0.5 ? 1 : 0));
  const byte = (i) => parseInt(bits.slice(8 * i, 8 * i + 8).join(''), 2);
  const bytes = [byte(0), byte(1), byte(2)];
  return crc(bytes) === byte(3) ? bytes[0] * 65536 + bytes[1] * 256 + bytes[2] : null;
}

const frames = [], ticks = [];
let misread = 0, lastRead = 0, running = true;

function onFrame(now, frame) {
  if (!running) return;
  if (now - lastRead >= 180) {
    lastRead = now;
    const at = performance.timeOrigin + (frame.expectedDisplayTime || frame.presentationTime);
    const ms = strip();
    if (ms === null) misread += 1; else frames.push([at, ms, 1000 * (frame.processingDuration ?? 0)]);
  }
  video.requestVideoFrameCallback(onFrame);
}
video.requestVideoFrameCallback(onFrame);

const context = new AudioContext({ sampleRate: 48000 });
const band = new BiquadFilterNode(context, { type: 'bandpass', frequency: 9000, Q: 4 });
const analyser = new AnalyserNode(context, { fftSize: 16384 });
const source = context.createMediaStreamSource(new MediaStream(video.srcObject.getAudioTracks()));
source.connect(band).connect(analyser);

const window_ = new Float32Array(analyser.fftSize);
const MS = 48; // samples a millisecond
function listen() {
  if (context.state !== 'running') { context.resume(); return; }
  analyser.getFloatTimeDomainData(window_);
  const endEpoch = performance.timeOrigin + performance.now();
  const energy = [];
  for (let at = 0; at + MS <= window_.length; at += MS) {
    let sum = 0;
    for (let i = at; i < at + MS; i++) sum += window_[i] * window_[i];
    energy.push(sum / MS);
  }
  const median = [...energy].sort((a, b) => a - b)[energy.length >> 1];
  const threshold = Math.max(8 * median, 1e-6);
  for (let i = 4; i < energy.length - 40; i++) {
    const before = energy.slice(Math.max(0, i - 4), i).every((e) => e < threshold);
    const during = energy.slice(i + 4, i + 24).filter((e) => e > threshold).length >= 15;
    if (before && energy[i] >= threshold && during) {
      const epoch = endEpoch - (window_.length - i * MS) / MS;
      if (!ticks.length || epoch - ticks[ticks.length - 1] > 500) ticks.push(epoch);
    }
  }
}
const listening = setInterval(listen, 100);

setTimeout(() => {
  running = false;
  clearInterval(listening);
  const size = [video.videoWidth, video.videoHeight];
  context.close().then(() => done({ frames, ticks, misread, size }));
}, seconds * 1000);
