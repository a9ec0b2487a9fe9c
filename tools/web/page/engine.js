// This very model as WebAssembly: the C of the chip and its bits, from a frame or
// strokes to logits and how sure they are.

import { beside } from "./beside.js";

const NOTHING = 1; // nn_prepare_status_t
const WORDS = ["sure", "unsure", "no digit"];
const LONG_ENOUGH_MS = 20; // to measure: browsers' clocks are coarse

export class Engine {
  static async load(about) {
    const bytes = await (await beside("model.wasm")).arrayBuffer();
    const { instance } = await WebAssembly.instantiate(bytes);
    return new Engine(instance.exports, about);
  }

  constructor(exports, about) {
    this.c = exports;
    this.about = about;
    this.inputBytes = exports.input_bytes();
    this.classes = exports.outputs();
  }

  get identity() { return this.c.identity() >>> 0; }

  /** The raw logits' bytes of one picture, by "int8" or "f16". */
  run(engine, pixels) {
    new Uint8Array(this.c.memory.buffer, this.c.input_at(), this.inputBytes).set(pixels);
    const status = engine === "int8" ? this.c.run_int8() : this.c.run_f16();
    if (status) throw new Error(`the model refused with status ${status}`);
    const size = this.classes * (engine === "int8" ? 1 : 4);
    return new Uint8Array(this.c.memory.buffer, this.c.output_at(), size).slice();
  }

  /** A frame of grey bytes as the network takes it; null where nothing is drawn. */
  frame({ grey, width, height }) {
    new Uint8Array(this.c.memory.buffer, this.c.frame_at(), grey.length).set(grey);
    return this.#prepared(this.c.prepare_frame(width, height));
  }

  /** Strokes of points [x, y] as the network takes them; null where there are none. */
  strokes(strokes) {
    const total = strokes.reduce((sum, stroke) => sum + stroke.length, 0);
    const every = Math.ceil(total / (this.c.most_points() - 2 * strokes.length));
    const view = new DataView(this.c.memory.buffer, this.c.points_at());
    const bytes = this.c.point_bytes();
    let at = 0;
    for (const stroke of strokes)
      stroke.forEach(([x, y], i) => {
        if (i % every && i < stroke.length - 1) return;
        view.setInt16(at, Math.round(x), true);
        view.setInt16(at + 2, Math.round(y), true);
        view.setUint8(at + 4, Number(i > 0));
        at += bytes;
      });
    return this.#prepared(this.c.prepare_strokes(at / bytes));
  }

  #prepared(status) {
    if (status === NOTHING) return null;
    if (status) throw new Error("This picture is too small or too long.");
    const input = new Uint8Array(this.c.memory.buffer, this.c.input_at(), this.inputBytes);
    return input.slice();
  }

  /** How sure the answer just run is, and the second best; null: it does not tell. */
  decide(engine) {
    const found = this.c.decide(Number(engine === "f16"));
    return found < 0 ? null : { word: WORDS[found], second: this.c.second() };
  }

  /** Microseconds of one inference here. */
  time(engine, pixels) {
    this.run(engine, pixels);
    let times = 0, spent = 0;
    const start = performance.now();
    do {
      for (let i = 0; i < 8; i++) this.run(engine, pixels);
      times += 8;
      spent = performance.now() - start;
    } while (spent < LONG_ENOUGH_MS);
    return 1000 * spent / times;
  }

  /** Raw logits as real numbers. */
  real(engine, raw) {
    const copy = raw.slice();
    if (engine === "f16") return Array.from(new Float32Array(copy.buffer));
    const { scale, zero_point: zero } = this.about.output;
    return Array.from(new Int8Array(copy.buffer), q => scale * (q - zero));
  }
}

/** Softmax at the model's temperature. */
export function probabilities(real, temperature) {
  const most = Math.max(...real);
  const shares = real.map(x => Math.exp((x - most) / temperature));
  const sum = shares.reduce((a, b) => a + b);
  return shares.map(x => x / sum);
}
