// The page: a drawing goes through this model's own C here, and through a board's.

import { Answer } from "./answer.js";
import { beside } from "./beside.js";
import { Board } from "./board.js";
import { crc32, hex } from "./bytes.js";
import { Digits, paint } from "./digits.js";
import { Engine, probabilities } from "./engine.js";
import { builds, install } from "./install.js";
import { load } from "./photo.js";
import { LinkError } from "./reply.js";
import { testSet } from "./samples.js";
import { Sheet } from "./sheet.js";
import { hasSerial, overSerial, overSocket } from "./transports.js";

const by = id => document.getElementById(id);
const { about, engine } = await start().catch(error => {
  by("caption").textContent = `This page cannot start: ${error.message}.`;
  throw error;
});
const answer = new Answer(about.classes);
const digits = new Digits(about.classes, () => {
  const taken = pixels;
  sheet.clear();
  return taken;
});
let board = null, meeting = false, pixels = null, turn = 0;
let run = null; // the comparison of test images, while it lasts

async function start() {
  const about = await (await beside("about.json")).json();
  return { about, engine: await Engine.load(about) };
}

const chosen = () => document.querySelector("[name=engine]:checked").value;
const tell = (text, bad = false) => {
  by("told").textContent = text;
  by("told").className = bad ? "told bad" : "told";
};

// ==== A picture ====

const sheet = new Sheet(by("sheet"), () => {
  by("undo").disabled = sheet.empty;
  try {
    if (sheet.empty) show(null);
    else show(sheet.photo ? engine.frame(sheet.grey()) : engine.strokes(sheet.points()));
  } catch (error) {
    show(null);
    answer.say(error.message, true);
  }
});

// The network sees whole strokes only: an empty answer beside ink needs a word.
by("sheet").addEventListener("pointerdown", ({ button }) => {
  if (!button && !pixels) answer.say("Lift the pen for an answer.");
});

function show(picture, own = true) {
  pixels = picture;
  paint(by("seen"), pixels ?? new Uint8Array(engine.inputBytes));
  by("clear").disabled = sheet.empty && !pixels;
  digits.allow(pixels && own);
  ask();
}

async function ask() {
  const mine = ++turn, kind = chosen();
  if (!pixels)
    return answer.blank(sheet.empty ? "Nothing is drawn yet." : "No digit is found in it.");
  const raw = engine.run(kind, pixels), doubt = engine.decide(kind);
  const real = engine.real(kind, raw);
  answer.page(real, probabilities(real, about.temperature), doubt,
    engine.time(kind, pixels));
  if (!board || run) return;
  const asked = board;
  answer.wait(true);
  try {
    const theirs = await asked.infer(kind, pixels);
    if (mine !== turn) return;
    answer.board(engine.real(kind, theirs.raw), equalLogits(raw, theirs.raw),
      theirs.microseconds);
  } catch (error) {
    if (mine === turn) answer.wait(false);
    if (asked === board) lost(error);
  }
}

/** Which logits have the same bytes. */
function equalLogits(ours, theirs) {
  const size = ours.length / engine.classes;
  return about.classes.map((_, i) => {
    for (let at = i * size; at < (i + 1) * size; at++)
      if (ours[at] !== theirs[at]) return false;
    return true;
  });
}

by("undo").onclick = () => sheet.undo();
by("clear").onclick = () => sheet.clear();
by("engines").onchange = ask;
by("file").onchange = ({ target }) => {
  const [file] = target.files;
  target.value = "";
  if (file) fill(load(file), photo => sheet.show(photo));
};
by("sample").onclick = () => fill(testSet(engine.inputBytes), set => {
  const index = Math.floor(Math.random() * set.count);
  sheet.clear();
  show(set.pixels(index).slice(), false); // to train on it would be cheating
  answer.say(`${by("caption").textContent} Test image ${index}, labelled `
    + `${about.classes[set.label(index)]}.`);
});

/** Use what is loaded, unless the sheet was changed before it came. */
async function fill(loading, use) {
  const before = sheet.edits;
  try {
    const loaded = await loading;
    if (sheet.edits === before) use(loaded);
  } catch (error) { answer.say(`${sentence(error.message)}.`, true); }
}

// Labels lie below the sheet, on a phone far below: back to it, for the next one.
by("labels").addEventListener("click", ({ target }) => {
  if (target === by("labels")) return;
  by("caption").textContent = by("kept").textContent;
  by("sheet").scrollIntoView({ block: "nearest" });
});

// A button that disables itself would take the focus with it.
document.addEventListener("click", () => {
  if (document.activeElement?.disabled) by("sheet").focus({ preventScroll: true });
});

// ==== A board ====

function lost(error) {
  if (!board) return;
  const { link } = board;
  board = null;
  link.ongone = null;
  link.close().catch(() => {});
  by("connect").textContent = "Connect";
  by("record").disabled = true;
  by("where").textContent = "this page alone; no board connected";
  tell(`${sentence(error.message)}.`, true);
}

async function meet(transport, where) {
  const found = await Board.meet(transport, engine.inputBytes);
  const { hello } = found, runs = `${hello.model} ${hex(hello.identity)}`;
  const odd = hello.identity !== engine.identity
    ? `the board runs ${runs}, this page is ${about.model} ${hex(engine.identity)}: `
      + (about.socket ? "load this page again" : "install this page's firmware on it")
    : hello.classes !== engine.classes
      ? `the board's reply to HELLO makes no sense: it runs ${runs}, but with `
        + `${hello.classes} classes` : "";
  if (odd) {
    await found.link.close();
    throw new Error(odd);
  }
  board = found;
  board.link.ongone = why => lost(new Error(why));
  by("connect").textContent = "Disconnect";
  by("record").disabled = false;
  by("where").textContent = `${hello.model} on ${hello.board}${where}`;
  tell(`${hello.board} runs this very model.`);
  ask();
}

by("connect").onclick = async () => {
  if (board) {
    lost(new Error("Disconnected"));
    by("told").className = "told";
    return;
  }
  if (meeting) return;
  meeting = true;
  try {
    tell("Waiting for the board.");
    await meet(about.socket ? await overSocket(socketUrl()) : await overSerial(),
      about.evidence ? ` (${about.evidence})` : "");
  } catch (error) {
    const none = error.name === "NotFoundError"; // the user chose no port
    tell(none ? "" : `${sentence(error.message)}.`, !none);
  }
  meeting = false;
};

const sentence = text => text.replace(/^./, first => first.toUpperCase()).replace(/\.$/, "");
const socketUrl = () => {
  const url = new URL(about.socket, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  url.search = location.search;
  return url;
};

by("record").onclick = async () => {
  if (run) {
    run.stopped = true;
    by("record").textContent = "Stopping";
    return;
  }
  if (!by("count").checkValidity())
    return tell(`Test images: a whole number from 1 to ${by("count").max}.`, true);
  const kind = chosen(), asked = board;
  run = { ours: 0, theirs: 0, done: 0, right: 0, other: 0 };
  by("record").textContent = "Stop";
  by("progress").value = 0;
  by("progress").hidden = false;
  tell("The board and this page compute the same test images.");
  try {
    await compare(kind, await testSet(engine.inputBytes));
  } catch (error) {
    if (!(error instanceof LinkError)) tell(`${sentence(error.message)}.`, true);
    else if (asked === board) lost(error);
  }
  run = null;
  by("record").textContent = "Compare";
  by("progress").hidden = true;
};

/** Test images through page and board, until all are or the button is pressed again. */
async function compare(kind, set) {
  const count = Math.min(set.count, by("count").valueAsNumber);
  const started = performance.now();
  function* pictures() {
    for (let i = 0; i < count && !run.stopped; i++) yield set.pixels(i);
  }
  await board.inferMany(kind, pictures(), reply => {
    const raw = engine.run(kind, set.pixels(run.done));
    run.ours = crc32(raw, run.ours);
    run.theirs = crc32(reply.raw, run.theirs);
    run.other += equalLogits(raw, reply.raw).filter(same => !same).length;
    run.right += reply.label === set.label(run.done++);
    by("progress").value = run.done / count;
  });
  if (!run.done) return tell("Stopped before the first image.");
  tell(`${run.done.toLocaleString("en")} test images in `
    + `${((performance.now() - started) / 1000).toFixed(1)} s: `
    + `${(100 * run.right / run.done).toFixed(2)} % right, ${run.other} of `
    + `${(run.done * engine.classes).toLocaleString("en")} logits differ; digest of the `
    + `board ${hex(run.theirs)}, of this page ${hex(run.ours)}.`, run.other > 0);
}

by("install").onclick = async () => {
  try {
    by("progress").hidden = false;
    const family = await install(images, (text, share) => {
      tell(text);
      by("progress").value = share;
    });
    tell(`Written to the ${family}. Now connect.`);
  } catch (error) {
    tell(error.name === "NotFoundError" ? "" : `${sentence(error.message)}.`, true);
  }
  by("progress").hidden = true;
};

// ==== At first ====

by("model").textContent = about.model;
by("learn").textContent = `make train OWN=digits MODEL=${about.model}`;
by("identity").textContent = `${about.model}, model identity ${hex(engine.identity)}, `
  + `weights ${about.weights}. ${about.socket
    ? "Each picture is computed in this page and by the board behind it; it goes nowhere else."
    : "Everything is computed in this page; it sends nothing."}`;
const images = hasSerial() ? await builds().catch(() => []) : [];
by("install").hidden = !images.length;
if (!hasSerial() && !about.socket) {
  by("connect").disabled = true;
  by("board-about").textContent = "This browser has no Web Serial: use Chromium, Chrome "
    + "or Edge on a computer to reach a board from here.";
}
if (about.socket) by("board-about").textContent = "It gets every picture that you draw, "
  + "and its logits stand beside those of this page.";
show(null);
if (about.socket) by("connect").click();
document.body.dataset.ready = "yes";
