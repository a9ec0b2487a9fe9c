// A board that runs a model: who it is, and what it makes of pictures.

import { HELLO, INFER, Link, LinkError } from "./link.js";

const ENGINES = ["int8", "f16"], HELLO_SIZE = 80, NO_TIME = 0xffffffff;
const CYCLES = 1; // what only a chip counts: its time is a chip's

/** What the reply to HELLO says; refuses one that cannot be. */
function parseHello(view) {
  const bad = what => { throw new LinkError(`the board's hello makes no sense: ${what}`); };
  if (view.byteLength < HELLO_SIZE) bad(`${view.byteLength} bytes`);
  const names = [];
  let at = HELLO_SIZE;
  for (let i = 0; i < 2; i++) {
    const length = at < view.byteLength ? view.getUint8(at) : 256;
    if (at + 1 + length > view.byteLength) bad("a name goes on beyond the end");
    const raw = new Uint8Array(view.buffer, view.byteOffset + at + 1, length);
    if (raw.some(byte => byte < 32 || byte > 126)) bad("a name is not printable");
    names.push(String.fromCharCode(...raw));
    at += 1 + length;
  }
  const hello = {
    engines: ENGINES.filter((_, i) => view.getUint8(0) >> i & 1),
    isChip: view.getUint8(1) === CYCLES, window: view.getUint8(3), inputBytes: view.getUint16(4, true),
    classes: view.getUint8(6), identity: view.getUint32(24, true),
    model: names[0], board: names[1],
  };
  if (!hello.window) bad("a window of 0");
  if (!hello.classes) bad("no classes");
  return hello;
}

export class Board {
  /** Meet the board behind a transport; it may be booting. */
  static async meet(transport) {
    const link = new Link(transport);
    try {
      const reply = await link.call(HELLO, undefined, { everyMs: 300, budgetMs: 8000 });
      return new Board(link, parseHello(reply));
    } catch (error) {
      await link.close().catch(() => {});
      throw error;
    }
  }

  constructor(link, hello) {
    this.link = link;
    this.hello = hello;
  }

  /** One picture: {label, raw: the logits' bytes, microseconds or null: no chip's}. */
  async infer(engine, pixels) {
    const payload = new Uint8Array(4 + pixels.length);
    payload[0] = ENGINES.indexOf(engine);
    payload.set(pixels, 4);
    const view = await this.link.call(INFER, payload);
    const size = this.hello.classes * (engine === "int8" ? 1 : 4);
    if (view.byteLength !== 10 + size || view.getUint8(0) !== payload[0])
      throw new LinkError("the board's answer makes no sense");
    const microseconds = view.getUint32(2, true);
    const raw = new Uint8Array(view.buffer, view.byteOffset + 10, size).slice();
    const timed = this.hello.isChip && microseconds !== NO_TIME;
    return { label: view.getUint8(1), raw, microseconds: timed ? microseconds : null };
  }

  /** Many pictures in order, a window of them on the wire; each goes to `each`. */
  async inferMany(engine, pictures, each) {
    const waiting = [];
    for (const pixels of pictures) {
      waiting.push(this.infer(engine, pixels));
      waiting.at(-1).catch(() => {}); // told when its turn comes
      if (waiting.length >= this.hello.window) await each(await waiting.shift());
    }
    while (waiting.length) await each(await waiting.shift());
  }
}
