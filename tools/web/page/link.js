// Requests and replies over a byte stream that may lose or damage anything.
//
// A transport has write(bytes), close() and onbytes, which this sets. A reply names
// its request by sequence number and by the CRC-32 of the request's frame, so a late
// one is never taken for another's, and a request may be sent again.

import { cobsDecode, cobsEncode, crc32 } from "./bytes.js";
import { LinkError, parseFailure, refuseMissing } from "./reply.js";

export const HELLO = 1, INFER = 2;
const NAMES = { [HELLO]: "HELLO", [INFER]: "INFER" };
const REPLY = 0x80, MISSING = 0xfe, ERROR = 0xff, VERSION = 1, PREFIX = 6;
const FIRST_WAIT_MS = 1000, MOST_WAIT_MS = 8000, BUDGET_MS = 20000;
const REFUSALS = ["", "another version of the protocol", "an unknown request",
  "a wrong length", "no such engine", "no such stage", "a value out of its limits",
  "this board cannot do that"];

export class Link {
  constructor(transport) {
    this.transport = transport;
    this.pending = new Map();
    this.sequence = Math.floor(Math.random() * 65536);
    this.open = [];
    this.slowest = FIRST_WAIT_MS;
    transport.onbytes = bytes => this.#feed(bytes);
    transport.onclose = why => this.#gone(why);
  }

  /** Send until answered; the reply's payload as a DataView. */
  call(kind, payload = new Uint8Array(), { everyMs = 0, budgetMs = BUDGET_MS } = {}) {
    if (this.ended) return Promise.reject(new LinkError("the board is gone"));
    do this.sequence = (this.sequence + 1) & 0xffff;
    while (this.pending.has(this.sequence));
    const body = new Uint8Array(4 + payload.length + 4), view = new DataView(body.buffer);
    body.set([VERSION, kind]);
    view.setUint16(2, this.sequence, true);
    body.set(payload, 4);
    const crc = crc32(body.subarray(0, -4));
    view.setUint32(body.length - 4, crc, true);
    const wire = Uint8Array.from([0, ...cobsEncode(body), 0]);
    return new Promise((resolve, reject) => {
      const request = { kind, crc, wire, resolve, reject, since: performance.now(),
        sequence: this.sequence };
      this.pending.set(this.sequence, request);
      this.#send(request, everyMs || Math.min(MOST_WAIT_MS, 4 * this.slowest), budgetMs);
    });
  }

  async close() {
    this.#gone();
    await this.transport.close();
  }

  #send(request, waitMs, budgetMs) {
    Promise.resolve(this.transport.write(request.wire)).catch(() => this.#gone());
    request.timer = setTimeout(() => {
      if (performance.now() - request.since < budgetMs)
        return this.#send(request, waitMs, budgetMs);
      this.#settle(request);
      request.reject(new LinkError(this.heard && !this.answered
        ? "what answers is not this firmware" : "the board does not answer"));
    }, waitMs);
  }

  #settle(request) {
    clearTimeout(request.timer);
    this.pending.delete(request.sequence);
  }

  #gone(why = "") {
    this.ended = true;
    why ||= "the board is gone";
    for (const request of this.pending.values()) {
      this.#settle(request);
      request.reject(new LinkError(why));
    }
    this.ongone?.(why);
  }

  #feed(bytes) {
    this.heard = true;
    for (const byte of bytes) {
      if (byte) {
        if (this.open.length < 2048) this.open.push(byte);
        continue;
      }
      if (this.open.length) this.#frame(cobsDecode(this.open));
      this.open = [];
    }
  }

  #frame(body) {
    if (!body || body.length < 8) return;
    const view = new DataView(body.buffer);
    if (crc32(body.subarray(0, -4)) !== view.getUint32(body.length - 4, true)) return;
    const request = this.pending.get(view.getUint16(2, true)), type = body[1];
    if (!request || body.length < 8 + PREFIX || view.getUint32(4, true) !== request.crc)
      return;
    if (![request.kind | REPLY, MISSING, ERROR].includes(type)) return;
    this.answered = true;
    this.#settle(request);
    this.slowest = Math.max(120, performance.now() - request.since, this.slowest * .9);
    try {
      request.resolve(this.#payload(request, body));
    } catch (error) { request.reject(error); }
  }

  /** What a reply carries; throws what it refuses. */
  #payload({ kind }, body) {
    const name = NAMES[kind], type = body[1];
    const payload = new DataView(body.buffer, 4 + PREFIX, body.length - 8 - PREFIX);
    if (body[0] !== VERSION) throw new LinkError(`the board speaks protocol ${body[0]}`);
    if (type === MISSING) refuseMissing(name);
    if (type === ERROR) {
      const code = parseFailure(payload, name, kind);
      throw new LinkError(`the board refused ${name}: ${
        REFUSALS[code] || "of a kind that this page does not know"} (error ${code})`);
    }
    return payload;
  }
}
