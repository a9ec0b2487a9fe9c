// Drawings with the label that their author gave, to train on: digits/7/0001.png.

import { zip } from "./zip.js";

export class Digits {
  constructor() { this.kept = []; }

  /** Keep 28x28 bytes, light on black, under a class's name. */
  async keep(label, pixels) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = Math.round(Math.sqrt(pixels.length));
    paint(canvas, pixels);
    const blob = await new Promise(done => canvas.toBlob(done, "image/png"));
    const number = 1 + this.kept.filter(one => one.label === label).length;
    const name = `digits/${label}/${String(number).padStart(4, "0")}.png`;
    this.kept.push({ label, name, bytes: new Uint8Array(await blob.arrayBuffer()) });
  }

  download() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(zip(this.kept));
    link.download = "digits.zip";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
}

/** Bytes, light on black, onto a canvas of their size. */
export function paint(canvas, pixels) {
  const pen = canvas.getContext("2d"), image = pen.createImageData(canvas.width, canvas.height);
  pixels.forEach((value, i) => {
    image.data.fill(value, 4 * i, 4 * i + 3);
    image.data[4 * i + 3] = 255;
  });
  pen.putImageData(image, 0, 0);
}
