// A board that runs a model: who it is, and what it makes of pictures.

import { HELLO, INFER, Link } from "./link.js";
import { LinkError, parseAnswer, parseHello } from "./reply.js";

const ENGINES = ["int8", "f16"], NO_TIME = 0xffffffff;
const CYCLES = 1; // what only a chip counts: its time is a chip's

export class Board {
  /** Meet the board behind a transport, which may be booting; images of `input` bytes. */
  static async meet(transport, input) {
    const link = new Link(transport);
    try {
      const reply = await link.call(HELLO, undefined, { everyMs: 300, budgetMs: 8000 });
      return new Board(link, parseHello(reply, input));
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
    if (!this.hello.engines.includes(engine))
      throw new LinkError(`the board has no engine ${engine}`);
    const payload = new Uint8Array(4 + pixels.length);
    payload[0] = ENGINES.indexOf(engine);
    payload.set(pixels, 4);
    const view = await this.link.call(INFER, payload);
    const answer = parseAnswer(view, engine, this.hello.classes);
    const timed = this.hello.counter === CYCLES && answer.microseconds !== NO_TIME;
    return { ...answer, microseconds: timed ? answer.microseconds : null };
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
