// The drawing: strokes by mouse, finger or keys, or a photograph beneath them.

const DARK = matchMedia("(prefers-color-scheme: dark)");
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1],
  ArrowDown: [0, 1] };

const MOST_SIDE = 320, MOST_PIXELS = 76800; // of a frame, as the chip takes it

export class Sheet {
  /** `changed` is called whenever a stroke ends or the picture changes. */
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.side = canvas.width;
    this.stroke = this.side / 13;
    this.strokes = [];
    this.photo = null;
    this.cursor = [this.side / 2, this.side / 2];
    this.down = false; // the pen of the keys
    this.drawing = null; // the stroke of a mouse or finger that is down
    this.edits = 0;
    this.changed = changed;
    this.#listen();
    this.paint();
  }

  get empty() { return !this.strokes.length && !this.photo; }

  clear() { this.show(null); }

  undo() {
    if (this.strokes.length) this.strokes.pop();
    else this.photo = null;
    this.#edited();
  }

  /** Show a photograph (an ImageBitmap or a canvas) in place of strokes. */
  show(photo) {
    this.strokes = [];
    this.photo = photo;
    this.#edited();
  }

  #edited() {
    this.down = false;
    this.drawing = null;
    this.edits++;
    this.paint();
    this.changed();
  }

  #begin(point) {
    this.photo = null;
    this.edits++;
    this.strokes.push([point]);
    return this.strokes.at(-1);
  }

  /** The strokes' points in eighths of a pixel, y downwards. */
  points() {
    return this.strokes.map(stroke => stroke.map(([x, y]) => [8 * x, 8 * y]));
  }

  /** The photograph as a frame of a camera: grey bytes, at most 320x240 of them. */
  grey() {
    const { width: wide, height: tall } = this.photo;
    const scale = Math.min(1, MOST_SIDE / Math.max(wide, tall),
      Math.sqrt(MOST_PIXELS / (wide * tall)));
    const copy = document.createElement("canvas");
    const width = copy.width = Math.max(1, Math.floor(wide * scale));
    const height = copy.height = Math.max(1, Math.floor(tall * scale));
    const pen = copy.getContext("2d", { willReadFrequently: true });
    pen.imageSmoothingQuality = "high";
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, width, height);
    pen.drawImage(this.photo, 0, 0, width, height);
    const { data } = pen.getImageData(0, 0, width, height);
    const grey = new Uint8Array(width * height);
    for (let i = 0; i < grey.length; i++)
      grey[i] = (77 * data[4 * i] + 150 * data[4 * i + 1] + 29 * data[4 * i + 2]) >> 8;
    return { grey, width, height };
  }

  paint() {
    const { pen, side } = this;
    pen.clearRect(0, 0, side, side);
    this.#draw(pen, DARK.matches ? "#f4f3ef" : "#16181b");
    if (document.activeElement !== this.canvas || !this.canvas.matches(":focus-visible"))
      return;
    pen.beginPath();
    pen.arc(...this.cursor, this.stroke / 2, 0, 7);
    pen.lineWidth = 2;
    pen.strokeStyle = pen.fillStyle = getComputedStyle(document.body)
      .getPropertyValue("--accent");
    if (this.down) pen.fill();
    pen.stroke();
  }

  #draw(pen, colour) {
    if (this.photo) {
      const { width, height } = this.photo;
      const scale = Math.min(this.side / width, this.side / height);
      const w = width * scale, h = height * scale;
      pen.drawImage(this.photo, (this.side - w) / 2, (this.side - h) / 2, w, h);
    }
    pen.lineWidth = this.stroke;
    pen.lineCap = pen.lineJoin = "round";
    pen.strokeStyle = colour;
    for (const stroke of this.strokes) {
      pen.beginPath();
      pen.moveTo(...stroke[0]);
      for (const point of stroke) pen.lineTo(...point);
      pen.stroke();
    }
  }

  #at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]
      .map(part => this.side * Math.min(1, Math.max(0, part)));
  }

  #listen() {
    const { canvas } = this;
    let finger = null;
    const mine = event => this.drawing && event.pointerId === finger;
    canvas.addEventListener("pointerdown", event => {
      if (event.button || this.drawing) return;
      finger = event.pointerId;
      canvas.setPointerCapture(finger);
      this.down = false;
      this.drawing = this.#begin(this.#at(event));
      this.paint();
    });
    canvas.addEventListener("pointermove", event => {
      if (!mine(event)) return;
      const parts = event.getCoalescedEvents?.() ?? [];
      for (const part of parts.length ? parts : [event]) this.drawing.push(this.#at(part));
      this.paint();
    });
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"])
      canvas.addEventListener(name, event => {
        if (!mine(event)) return;
        this.drawing = null;
        this.changed();
      });
    canvas.addEventListener("keydown", event => this.#key(event));
    canvas.addEventListener("focus", () => this.paint());
    canvas.addEventListener("blur", () => { this.down = false; this.paint(); });
    DARK.addEventListener("change", () => this.paint());
  }

  #key(event) {
    if (event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    if (MOVES[event.key]) {
      const least = this.stroke / 2, most = this.side - least;
      this.cursor = this.cursor.map((value, i) => Math.min(most,
        Math.max(least, value + this.side / 36 * MOVES[event.key][i])));
      if (this.down) this.strokes.at(-1).push([...this.cursor]);
    } else if (key === " ") {
      this.down = !this.down;
      if (this.down) this.#begin([...this.cursor]);
    } else if (key === "z") {
      this.undo();
    } else if (key === "c" && !event.ctrlKey) {
      this.clear();
    } else return;
    event.preventDefault();
    this.paint();
    if (!this.down || MOVES[event.key]) this.changed();
  }
}
