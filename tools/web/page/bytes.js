// CRC-32 (IEEE 802.3, reflected) and COBS, as firmware/PROTOCOL.md has them.

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let i = 0; i < 8; i++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});

/** CRC-32 of `bytes`; `before` goes on with what came before them. */
export function crc32(bytes, before = 0) {
  let crc = ~before >>> 0;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** A CRC as it is written. */
export const hex = number => number.toString(16).padStart(8, "0");

/** Bytes without a zero. */
export function cobsEncode(bytes) {
  const out = [0];
  let head = 0;
  for (const byte of bytes) {
    if (byte) out.push(byte);
    if (!byte || out.length - head === 255) {
      out[head] = out.length - head;
      head = out.length;
      out.push(0);
    }
  }
  out[head] = out.length - head;
  return Uint8Array.from(out);
}

/** What was encoded, or null where it cannot have been. */
export function cobsDecode(bytes) {
  const out = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes[at++];
    if (!length || at + length - 1 > bytes.length) return null;
    for (let i = 1; i < length; i++) out.push(bytes[at++]);
    if (length < 255 && at < bytes.length) out.push(0);
  }
  return Uint8Array.from(out);
}
