// This very model as WebAssembly: the generated C, the same bits as on the chip.

const LONG_ENOUGH_MS = 20; // to measure: browsers' clocks are coarse

export class Engine {
  static async load(about) {
    const bytes = await (await fetch("model.wasm")).arrayBuffer();
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
