// A grey picture, dark ink on light paper, to MNIST's conventions: 28x28, light on
// black, the ink 20 pixels long and its centre of mass in the middle.

const SIDE = 28, BOX = 20, FAINT = 24;

/** How much darker than the paper around it every pixel is. */
function inkOf(grey, side) {
  const reach = Math.round(side / 5), paper = closing(grey, side, reach);
  const ink = new Float32Array(grey.length);
  for (let i = 0; i < ink.length; i++)
    ink[i] = Math.max(0, 255 * (1 - grey[i] / Math.max(paper[i], 1)));
  return ink;
}

/** Grey closing by a square: bridges what is darker and narrower than it. */
function closing(grey, side, reach) {
  const wide = (from, pick) => {
    const out = new Float32Array(from.length), half = reach >> 1;
    for (let line = 0; line < side; line++)
      for (let at = 0; at < side; at++) {
        let best = from[line * side + at];
        const end = Math.min(side - 1, at + half);
        for (let x = Math.max(0, at - half); x <= end; x++)
          best = pick(best, from[line * side + x]);
        out[at * side + line] = best; // turned, so that twice is both ways
      }
    return out;
  };
  const most = wide(wide(grey, Math.max), Math.max);
  return wide(wide(most, Math.min), Math.min);
}

/** 784 bytes, or null where nothing is drawn. */
export function prepare({ grey, side }) {
  const ink = inkOf(grey, side);
  const peak = ink.reduce((a, b) => Math.max(a, b), 0);
  if (peak < FAINT) return null;
  const floor = peak * .35;
  let top = side, left = side, bottom = -1, right = -1;
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++)
      if (ink[y * side + x] > floor) {
        top = Math.min(top, y); bottom = Math.max(bottom, y);
        left = Math.min(left, x); right = Math.max(right, x);
      }
  const height = bottom - top + 1, width = right - left + 1;
  const scale = Math.max(height, width) / BOX;
  const rows = Math.max(1, Math.round(height / scale));
  const columns = Math.max(1, Math.round(width / scale));
  const small = new Float32Array(rows * columns);
  let mass = 0, downwards = 0, across = 0;
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) {
      const value = mean(ink, side, floor / 2, top + r * height / rows,
        top + (r + 1) * height / rows, left + c * width / columns,
        left + (c + 1) * width / columns);
      small[r * columns + c] = value;
      mass += value; downwards += value * (r + .5); across += value * (c + .5);
    }
  const strongest = small.reduce((a, b) => Math.max(a, b), 1);
  const y0 = inside(Math.round(SIDE / 2 - downwards / mass), rows);
  const x0 = inside(Math.round(SIDE / 2 - across / mass), columns);
  const pixels = new Uint8Array(SIDE * SIDE);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++)
      pixels[(y0 + r) * SIDE + x0 + c] = Math.round(255 * small[r * columns + c] / strongest);
  return pixels;
}

const inside = (at, length) => Math.min(SIDE - length, Math.max(0, at));

/** The mean of a rectangle with broken borders. */
function mean(ink, side, floor, top, bottom, left, right) {
  let sum = 0, area = 0;
  for (let y = Math.floor(top); y < bottom; y++)
    for (let x = Math.floor(left); x < right; x++) {
      const share = (Math.min(y + 1, bottom) - Math.max(y, top))
        * (Math.min(x + 1, right) - Math.max(x, left));
      const value = ink[y * side + x];
      sum += share * (value > floor ? value : 0);
      area += share;
    }
  return sum / area;
}
