// Drawings with the label that their author gave, to train on: digits/7/1f0c33a9.png.

import { crc32, hex } from "./bytes.js";
import { zip } from "./zip.js";

const by = id => document.getElementById(id);
const NO_FOLDER = /^\.|[\\/]/; // class names that a folder cannot have, or hides by

export class Digits {
  /** A button for each class; one that is pressed takes the picture. */
  constructor(names, take) {
    this.kept = [];
    for (const name of names) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.onclick = () => this.keep(name, take());
      by("labels").append(button);
    }
    by("take-back").onclick = () => {
      this.kept.pop();
      this.#tell();
    };
    by("download").onclick = () => this.download();
    addEventListener("beforeunload", event => {
      if (this.kept.some(one => !one.downloaded)) event.preventDefault();
    });
  }

  /** Whether there is a picture to keep. */
  allow(yes) {
    for (const button of by("labels").children) {
      const odd = NO_FOLDER.test(button.textContent);
      button.disabled = !yes || odd;
      if (odd) button.title = "no folder can have this name";
    }
  }

  /** Keep 28x28 bytes, light on black; its pixels name it: sessions share a folder. */
  keep(label, pixels) {
    const name = `digits/${label}/${hex(crc32(pixels))}.png`;
    this.kept.push({ label, name, pixels, downloaded: false });
    this.#tell();
  }

  download() {
    const link = document.createElement("a");
    const files = new Map(this.kept.map(({ name, pixels }) => [name, png(pixels)]));
    link.href = URL.createObjectURL(zip(files));
    link.download = "digits.zip";
    link.click();
    for (const one of this.kept) one.downloaded = true;
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  #tell() {
    const last = this.kept.at(-1);
    by("kept").textContent = last
      ? `${this.kept.length} kept, the last one as ${last.label}.` : "None kept yet.";
    by("download").disabled = by("take-back").disabled = !last;
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

/** A square of such bytes as a PNG file's. */
function png(pixels) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = Math.round(Math.sqrt(pixels.length));
  paint(canvas, pixels);
  const [, base64] = canvas.toDataURL("image/png").split(",");
  return Uint8Array.from(atob(base64), char => char.charCodeAt(0));
}
