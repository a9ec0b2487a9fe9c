// The model's own test images, unpacked in the page on first use.

import { beside } from "./beside.js";

async function unpacked(name, head) {
  const packed = await (await beside(name)).blob();
  const [first, second] = new Uint8Array(await packed.slice(0, 2).arrayBuffer());
  const isPacked = first === 0x1f && second === 0x8b; // else the browser unpacked it
  const stream = isPacked
    ? packed.stream().pipeThrough(new DecompressionStream("gzip")) : packed.stream();
  return new Uint8Array(await new Response(stream).arrayBuffer()).subarray(head);
}

let kept = null;

/** {count, pixels(i), label(i)} of the test set. */
export async function testSet(inputBytes) {
  if (!kept) {
    const [images, labels] = await Promise.all([unpacked("test-images.gz", 16),
      unpacked("test-labels.gz", 8)]);
    kept = {
      count: labels.length,
      pixels: i => images.subarray(i * inputBytes, (i + 1) * inputBytes),
      label: i => labels[i],
    };
  }
  return kept;
}
