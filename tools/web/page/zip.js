// A zip archive of files that are not compressed again: PNGs.

import { crc32 } from "./bytes.js";

/** A Blob of a Map of names to bytes. */
export function zip(files) {
  const parts = [], directory = [];
  let offset = 0, listed = 0;
  for (const [name, bytes] of files) {
    const title = new TextEncoder().encode(name);
    const common = new DataView(new ArrayBuffer(26)); // of both headers
    common.setUint16(0, 20, true);
    common.setUint16(2, 0x800, true); // the name is UTF-8
    common.setUint16(8, 0x21, true); // the first day that a zip knows
    common.setUint32(10, crc32(bytes), true);
    common.setUint32(14, bytes.length, true);
    common.setUint32(18, bytes.length, true);
    common.setUint16(22, title.length, true);
    const head = new Uint8Array(common.buffer);
    parts.push(Uint8Array.of(0x50, 0x4b, 3, 4), head, title, bytes);
    const end = new DataView(new ArrayBuffer(14));
    end.setUint32(10, offset, true);
    directory.push(Uint8Array.of(0x50, 0x4b, 1, 2, 20, 0), head,
      new Uint8Array(end.buffer), title);
    offset += 4 + 26 + title.length + bytes.length;
    listed += 6 + 26 + 14 + title.length;
  }
  const tail = new DataView(new ArrayBuffer(22));
  tail.setUint32(0, 0x06054b50, true);
  tail.setUint16(8, files.size, true);
  tail.setUint16(10, files.size, true);
  tail.setUint32(12, listed, true);
  tail.setUint32(16, offset, true);
  return new Blob([...parts, ...directory, tail.buffer], { type: "application/zip" });
}
