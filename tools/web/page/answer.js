// The answer beside the drawing: class, shares, logits of page and board.

const WORDS = { "sure": "sure", "unsure": "unsure", "no digit": "not a digit" };
const by = id => document.getElementById(id);

export class Answer {
  constructor(names) {
    this.names = names;
    const body = by("logits").tBodies[0];
    this.rows = names.map(name => {
      const row = body.insertRow();
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = name;
      row.append(head);
      const share = document.createElement("progress");
      share.max = 1;
      share.value = 0;
      share.setAttribute("aria-label", `share of ${name}`);
      row.insertCell().append(share);
      return { row, share, page: row.insertCell(), board: row.insertCell() };
    });
  }

  blank(text, bad = false) {
    by("digit").textContent = "?";
    by("digit").className = "digit none";
    by("doubt").textContent = "";
    by("doubt").className = "verdict";
    this.say(text, bad);
    this.rows.forEach(({ row, share, page, board }) => {
      row.className = "";
      share.value = 0;
      page.textContent = board.textContent = "";
    });
    for (const id of ["page-time", "board-time", "equal"]) by(id).textContent = "–";
    by("equal").className = "";
  }

  say(text, bad = false) {
    by("caption").textContent = text;
    by("spoken").textContent = `${by("doubt").textContent} ${text}`.trim();
    by("caption").className = bad ? "caption bad" : "caption";
  }

  /** What this page computed: real logits, their shares, and how sure that is. */
  page(real, shares, doubt, microseconds) {
    const best = real.indexOf(Math.max(...real)), name = this.names[best];
    const order = [...shares.keys()].sort((a, b) => shares[b] - shares[a]);
    const percent = Math.min(99.9, 100 * shares[best]);
    const word = doubt?.word ?? (percent < 90 ? "unsure" : "");
    const second = this.names[doubt?.second ?? order[1]];
    by("digit").textContent = word === "no digit" ? "–" : name;
    by("digit").className = `digit${name.length > 2 ? " long" : ""}`
      + (word === "no digit" ? " none" : word === "unsure" ? " doubt" : "");
    by("doubt").textContent = WORDS[word] ?? "";
    by("doubt").className = `verdict ${word.replace(" ", "-")}`;
    const share = percent.toFixed(percent < 99 ? 0 : 1);
    this.say({
      "unsure": `Perhaps ${name}, perhaps ${second}.`,
      "no digit": `Nothing that the network knows; nearest is ${name}.`,
    }[word] ?? `The network says ${name}, ${share} %.`);
    this.rows.forEach(({ row, share, page, board }, i) => {
      row.className = i === best ? "best" : "";
      share.value = shares[i];
      page.textContent = real[i].toFixed(2);
      board.textContent = "";
      board.className = "";
    });
    const whole = Math.round(microseconds).toLocaleString("en");
    by("page-time").textContent = `${whole} µs an inference`;
    by("board-time").textContent = by("equal").textContent = "–";
    by("equal").className = "";
  }

  /** A board was asked, or no longer is. */
  wait(yes) { by("board-time").textContent = yes ? "is waited for" : "–"; }

  /** What a board answered, beside the page's own bytes. */
  board(real, equal, microseconds) {
    let other = 0;
    this.rows.forEach(({ page, board }, i) => {
      board.textContent = real[i].toFixed(2);
      const differs = !equal[i];
      board.className = differs ? "other" : "";
      other += differs;
    });
    by("board-time").textContent = microseconds === null
      ? "no chip, so no time" : `${microseconds.toLocaleString("en")} µs an inference`;
    by("equal").textContent = other
      ? `${other} of ${this.rows.length} logits differ` : "all logits, bit for bit";
    by("equal").className = other ? "bad" : "good";
  }
}
