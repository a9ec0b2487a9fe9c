// A camera's picture, scaled down in the page: 12 megapixels and more never leave it.

const MOST = 640;

/** A canvas of at most MOST pixels a side, the right way up. */
export async function load(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    const heic = /hei[cf]/i.test(file.type + file.name);
    throw new Error(heic
      ? "This browser cannot read HEIC: choose JPEG in the camera's settings."
      : "This file is no picture that the browser can read.");
  }
  const scale = Math.min(1, MOST / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const pen = canvas.getContext("2d");
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas;
}
