"use strict";
// Shows pairs of pictures one after the other and keeps the answers. Texts from outside are only ever text nodes.
const page = JSON.parse(document.getElementById("data").textContent);
const ANSWERS = ["left", "right", "tie"];
const KEYS = { ArrowLeft: "left", ArrowRight: "right", ArrowDown: "tie" };
const PLACE = "cfgsweep-rate-" + page.id; // of the answers in this browser
const SMALL = 128; // pictures of fewer pixels are enlarged without smoothing
const element = (id) => document.getElementById(id);

const kept = read();
const answers = kept.answers;
let isKept = true; // whether the browser keeps the answers when the page is closed
let isSaved = Object.keys(answers).length === 0; // whether the file has all answers
let place = firstOpen();

// What this browser has of earlier; nothing where storage is not allowed or holds something else.
function read() {
  const found = { answers: {}, rater: "" };
  try {
    const stored = JSON.parse(localStorage.getItem(PLACE)) || {};
    for (const pair of page.pairs) {
      const answer = (stored.answers || {})[pair.id];
      if (ANSWERS.includes(answer)) found.answers[pair.id] = answer;
    }
    if (typeof stored.rater === "string") found.rater = stored.rater;
  } catch (error) {
    // the page works without
  }
  return found;
}

function keep() {
  try {
    localStorage.setItem(PLACE, JSON.stringify({ answers, rater: element("rater").value }));
    isKept = true;
  } catch (error) {
    isKept = false;
  }
}

function firstOpen() {
  const found = page.pairs.findIndex((pair) => !(pair.id in answers));
  return found === -1 ? page.pairs.length : found;
}

function showPicture(side, number) {
  const image = element(side + "-picture");
  image.onload = () => image.classList.toggle("small", image.naturalWidth < SMALL);
  image.src = "data:image/png;base64," + page.pictures[number];
}

function show() {
  const count = page.pairs.length;
  const pair = page.pairs[place];
  element("pair").hidden = element("text").hidden = !pair;
  element("tie").disabled = !pair;
  element("back").disabled = place === 0;
  element("done").hidden = Boolean(pair);
  if (pair) {
    element("text").textContent = pair.text;
    showPicture("left", pair.left);
    showPicture("right", pair.right);
    for (const answer of ANSWERS) element(answer).setAttribute("aria-pressed", String(answers[pair.id] === answer));
  }
  element("progress").max = count;
  element("progress").value = Object.keys(answers).length;
  element("status").textContent = pair ? `Pair ${place + 1} of ${count}` : `${count} of ${count} pairs`;
}

function answer(given) {
  const pair = page.pairs[place];
  if (!pair) return;
  answers[pair.id] = given;
  isSaved = false;
  keep();
  place += 1;
  show();
}

function back() {
  place = Math.max(0, place - 1);
  show();
}

function save() {
  const content = { cfgsweep_ratings: 1, page: page.id, rater: element("rater").value.trim(), answers };
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(content, null, 1) + "\n"], { type: "application/json" }));
  link.download = `answers-${page.id}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  isSaved = true;
  element("status").textContent = `${Object.keys(answers).length} answers are saved in ${link.download}`;
}

function restart() {
  if (!confirm("Forget all answers?")) return;
  for (const pair of page.pairs) delete answers[pair.id];
  element("rater").value = "";
  isSaved = true;
  place = 0;
  keep();
  show();
}

document.addEventListener("keydown", (event) => {
  if (event.target instanceof HTMLInputElement || event.repeat) return;
  if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
  if (event.key in KEYS) answer(KEYS[event.key]);
  else if (event.key === "Backspace") back();
  else return;
  event.preventDefault();
});
for (const one of ANSWERS) element(one).addEventListener("click", () => answer(one));
element("back").addEventListener("click", back);
element("save").addEventListener("click", save);
element("restart").addEventListener("click", restart);
element("rater").addEventListener("change", keep);
window.addEventListener("beforeunload", (event) => {
  if (!isKept && !isSaved) event.preventDefault();
});
element("question").textContent = page.question;
element("rater").value = kept.rater;
show();
