// Write the firmware to an ESP32 by Espressif's own esptool-js.

import { beside } from "./beside.js";

const BAUD = 460800;

/** The images that were built, or none. */
export async function builds() {
  return (await (await beside("manifest.json")).json()).builds;
}

/** Ask for a port, find out its chip, write what fits; `tell` gets words and 0..1. */
export async function install(images, tell) {
  const { ESPLoader, Transport } = await import("./vendor/esptool.js");
  const port = await navigator.serial.requestPort();
  const transport = new Transport(port, false);
  try {
    tell("Connecting. Hold BOOT if this takes long.", 0);
    const loader = new ESPLoader({ transport, baudrate: BAUD, enableTracing: false });
    const chip = await loader.main();
    const family = loader.chip.CHIP_NAME;
    const build = images.find(one => one.chipFamily === family);
    if (!build) throw new Error(`There is no firmware for an ${family} beside this page.`);
    const fileArray = await Promise.all(build.parts.map(async part => ({
      address: part.offset,
      data: new Uint8Array(await (await beside(part.path)).arrayBuffer()),
    })));
    await loader.writeFlash({ fileArray, flashMode: "keep", flashFreq: "keep",
      flashSize: "keep", eraseAll: false, compress: true,
      reportProgress: (_, written, total) => tell(`Writing to ${chip}`, written / total) });
    await loader.after("hard_reset");
    return family;
  } finally {
    await transport.disconnect().catch(() => {});
  }
}
