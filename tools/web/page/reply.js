// What a reply must look like: declared once, checked in one place.
//
// A good CRC says that the bytes are those that were sent, not that they make sense: a
// firmware of another day, or none of ours at all, may say anything.

/** The device or the line to it failed; the message is for a person. */
export class LinkError extends Error {}

const U8 = ["getUint8", 1], U16 = ["getUint16", 2], U32 = ["getUint32", 4];
const I32 = ["getInt32", 4], F32 = ["getFloat32", 4], HASH = ["", 32];
// A field: its name, its kind, the least and the most that it may be.
const HELLO = [["engines", U8, 1, 3], ["counter", U8], ["reset_reason", U8],
  ["window", U8, 1, 255], ["image_bytes", U16], ["classes", U8, 2, 64],
  ["piece_bytes", U8, 1, 255], ["int8_stages", U8], ["f16_stages", U8],
  ["chunk_bytes", U16, 1, 256], ["counter_hz", U32], ["baud", U32], ["boot_count", U32],
  ["identity", U32], ["int8_arena_bytes", U32], ["f16_arena_bytes", U32],
  ["arena_bytes", U32], ["logit_scale", F32, 1e-30, 1e30],
  ["logit_zero_point", I32, -128, 127], ["weights", HASH]];
const ANSWER = [["engine", U8, 0, 1], ["label", U8], ["microseconds", U32],
  ["count", U32]];
const FAILURE = [["code", U8], ["type", U8]];
const ENGINES = ["int8", "f16"];

function malformed(request, what) {
  throw new LinkError(`the board's reply to ${request} makes no sense: ${what}`);
}

/** The declared fields at the start of a reply, and where they end. */
function read(table, view, request) {
  const size = table.reduce((sum, [, [, bytes]]) => sum + bytes, 0), told = {};
  if (view.byteLength < size)
    malformed(request, `${view.byteLength} bytes, at least ${size} belong`);
  let at = 0;
  for (const [name, [get, bytes], least, most] of table) {
    if (get) told[name] = view[get](at, true);
    const value = told[name];
    if (get && !Number.isFinite(value)) malformed(request, `${name} is ${value}`);
    if (value < least || value > most)
      malformed(request, `${name} is ${value}, it must be ${least} to ${most}`);
    at += bytes;
  }
  return { told, at };
}

/** Refuse a reply of another length. */
function exactly(request, view, size) {
  if (view.byteLength !== size)
    malformed(request, `${view.byteLength} bytes, ${size} belong`);
}

function text(view, at) {
  const length = at < view.byteLength ? view.getUint8(at) : 256;
  if (at + 1 + length > view.byteLength)
    malformed("HELLO", "a name goes on beyond the end");
  const raw = new Uint8Array(view.buffer, view.byteOffset + at + 1, length);
  if (raw.some(byte => byte < 32 || byte > 126))
    malformed("HELLO", "a name is not printable ASCII");
  return String.fromCharCode(...raw);
}

/** Who a board is; `input` bytes are what this page's images have. */
export function parseHello(view, input) {
  const { told, at } = read(HELLO, view, "HELLO");
  if (told.image_bytes !== input)
    malformed("HELLO", `images of ${told.image_bytes} bytes, ours have ${input}`);
  const model = text(view, at), board = text(view, at + 1 + model.length);
  const left = view.byteLength - at - 2 - model.length - board.length;
  if (left < 4) malformed("HELLO", `${left} bytes, at least 4 belong`);
  return { ...told, model, board,
    engines: ENGINES.filter((_, i) => told.engines >> i & 1) };
}

/** An answer to INFER by `engine`: {label, raw: the logits' bytes, microseconds}. */
export function parseAnswer(view, engine, classes) {
  const { told, at } = read(ANSWER, view, "INFER"), asked = ENGINES.indexOf(engine);
  if (told.engine !== asked)
    malformed("INFER", `engine is ${told.engine}, ${asked} was asked for`);
  exactly("INFER", view, at + classes * (asked ? 4 : 1));
  const raw = new Uint8Array(view.buffer, view.byteOffset + at).slice(
    0, view.byteLength - at);
  const logits = asked ? new Float32Array(raw.buffer) : new Int8Array(raw.buffer);
  const odd = logits.find(value => !Number.isFinite(value));
  if (odd !== undefined) malformed("INFER", `a logit is ${odd}`);
  const best = logits.indexOf(Math.max(...logits));
  if (told.label !== best)
    malformed("INFER", `label ${told.label}, the largest logit is that of ${best}`);
  return { label: told.label, raw, microseconds: told.microseconds };
}

/** The number of an ERROR, the reply to a request of type `kind`. */
export function parseFailure(view, request, kind) {
  const { told } = read(FAILURE, view, request);
  if (told.type !== kind)
    malformed(request, `an ERROR's request is ${told.type}, ${kind} was asked for`);
  return told.code;
}

/** MISSING, where pieces were never sent. */
export function refuseMissing(request) {
  malformed(request, "MISSING, of an image that was sent whole");
}
