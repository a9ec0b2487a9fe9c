// The official test images, unpacked in the page on first use.

async function unpacked(name, head) {
  const reply = await fetch(name);
  if (!reply.ok) throw new Error(`${name} is missing beside this page`);
  const stream = reply.body.pipeThrough(new DecompressionStream("gzip"));
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
