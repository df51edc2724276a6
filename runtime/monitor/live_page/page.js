"use strict";
const TIMEOUT_MS = 8000, MIN_INTERVAL_MS = 66, RETRY_MS = [500, 1000, 2000, 4000];
const WHY_TIMEOUT_MS = 120000;
const byId = id => document.getElementById(id);
const image = byId("image"), decoder = new TextDecoder();
let after = -1, failures = 0, latest = null, receivedAt = 0, problem = "", imageURL = "";
let controller = null;

const pause = ms => new Promise(resolve => setTimeout(resolve, ms));
const ageMs = () => latest.age_ms + performance.now() - receivedAt;

function setText(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}

function formatAge(ms) {
  if (ms < 1000) return `${Math.round(ms / 10) * 10} ms`;
  if (ms < 60000) return `${(ms / 1000).toFixed(ms < 10000 ? 1 : 0)} s`;
  return `${Math.floor(ms / 60000)} min ${Math.floor(ms / 1000) % 60} s`;
}

function addBar() {
  const row = document.createElement("li"), fill = document.createElement("i");
  fill.setAttribute("role", "meter");
  fill.setAttribute("aria-valuemin", "0");
  fill.setAttribute("aria-valuemax", "100");
  row.append(fill, document.createElement("bdi"), document.createElement("span"));
  byId("bars").append(row);
  return row;
}

function answerText({label, verdict, predictions}) {
  if (label !== null) return label;
  if (verdict !== "unsure") return "unknown";
  return `unsure: ${predictions.slice(0, 2).map((top) => top.label).join(" or ")}`;
}

// The score of a model of one class is a similarity, not a probability.
function showPrediction(row, {label, score}, single) {
  const [fill, name, number] = row.children, percent = Math.min(100, Math.max(0, 100 * score));
  const text = single ? `similarity to ${label}` : label;
  if (name.textContent !== text) {
    name.textContent = text;
    name.title = text;
    fill.setAttribute("aria-label", text);
  }
  number.textContent = single ? score.toFixed(3) : `${percent.toFixed(1)} %`;
  fill.style.transform = `scaleX(${percent / 100})`;
  fill.setAttribute("aria-valuenow", percent.toFixed(1));
}

function showAnswer() {
  const rows = byId("bars").children, count = latest.predictions.length;
  const single = count === 1 && !latest.more;
  latest.predictions.forEach((prediction, index) => {
    showPrediction(rows[index] || addBar(), prediction, single);
  });
  while (rows.length > count) rows[rows.length - 1].remove();
  byId("more").hidden = !latest.more;
  setText("more", `and ${latest.more} more`);
  if (latest.age_ms === null) return;
  setText("label", answerText(latest));
  byId("label").classList.toggle("unknown", latest.label === null);
  byId("label").title = latest.label || "";
  byId("why").hidden = !latest.explains;
  setText("bundle", latest.bundle);
  setText("fps", latest.fps.toFixed(1));
  setText("latency", `${latest.latency_ms.toFixed(1)} ms`);
}

function sourceText(empty, stale) {
  if (latest.state === "lost") return "source lost";
  if (latest.state === "waiting" || empty) return "waiting for the source";
  return stale ? "no new images" : "live";
}

function noticeText(empty) {
  if (empty) return latest.state === "lost" ? "source lost" : "no image yet";
  const seconds = Math.floor(ageMs() / 1000);
  return `no image for ${seconds < 60 ? `${seconds} s` : formatAge(1000 * seconds)}`;
}

function showAge() {
  if (latest === null) {
    setText("state", problem || "connecting");
    return;
  }
  const empty = latest.age_ms === null;
  const stale = !empty && (ageMs() > latest.stale_after_ms || latest.state === "lost");
  document.body.classList.toggle("stale", stale || problem !== "");
  document.body.classList.toggle("running", !stale && !empty && problem === "");
  byId("caption").hidden = !empty && !stale;
  setText("notice", noticeText(empty));
  if (!empty) setText("age", formatAge(ageMs()));
  setText("state", problem || sourceText(empty, stale));
  const title = empty || latest.label === null ? "Quince live" : latest.label;
  document.title = stale || problem ? `⚠ ${title}` : title;
}

async function showImage(jpeg) {
  const previous = imageURL;
  image.src = imageURL = URL.createObjectURL(new Blob([jpeg], {type: "image/jpeg"}));
  try {
    await image.decode();
    image.hidden = false;
  } catch { /* the next image may be complete */ }
  if (previous) URL.revokeObjectURL(previous);
}

// The picture holds its own label and score, so it may stay while the answer changes.
async function explain() {
  byId("ask-why").disabled = true;
  setText("why-note", "drawing the heat map …");
  try {
    const signal = AbortSignal.timeout(WHY_TIMEOUT_MS);
    const response = await fetch("why.png", {signal, cache: "no-store"});
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    const map = byId("map"), previous = map.src;
    map.src = URL.createObjectURL(await response.blob());
    await map.decode();
    map.hidden = false;
    if (previous) URL.revokeObjectURL(previous);
    setText("why-note", "the image when you pressed");
  } catch {
    setText("why-note", "no heat map now; see what camera prints");
  }
  byId("ask-why").disabled = false;
}

function askForToken() {
  byId("sign-in").hidden = false;
  byId("main").hidden = true;
  problem = "token needed";
  showAge();
}

// The body of a response is the length of the JSON (4 bytes), the JSON, and perhaps a JPEG.
async function showResponse(body) {
  const size = new DataView(body).getUint32(0), jpeg = new Uint8Array(body, 4 + size);
  latest = JSON.parse(decoder.decode(new Uint8Array(body, 4, size)));
  receivedAt = performance.now();
  after = latest.number;
  failures = 0;
  problem = "";
  byId("main").hidden = false;
  if (jpeg.length) await showImage(jpeg);
  showAnswer();
}

// Returns false if the page needs a token.
async function poll() {
  controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), TIMEOUT_MS);
  try {
    const options = {signal: controller.signal, cache: "no-store"};
    const response = await fetch(`latest?after=${after}`, options);
    if (response.status === 401) {
      askForToken();
      return false;
    }
    if (response.status === 503) throw new Error("too many viewers; trying again");
    if (!response.ok) throw new Error(`the server answered ${response.status}; trying again`);
    await showResponse(await response.arrayBuffer());
  } catch (error) {
    const offline = error instanceof TypeError || error.name === "AbortError";
    if (!document.hidden) problem = offline ? "no connection; trying again" : error.message;
    failures += 1;
  } finally {
    clearTimeout(timer);
  }
  showAge();
  return true;
}

function whenVisible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise(resolve => {
    document.addEventListener("visibilitychange", resolve, {once: true});
  }).then(whenVisible);
}

async function run() {
  for (;;) {
    await whenVisible();
    const start = performance.now();
    if (!await poll()) return;
    const rest = Math.max(0, MIN_INTERVAL_MS - (performance.now() - start));
    await pause(failures ? RETRY_MS[Math.min(failures, RETRY_MS.length) - 1] : rest);
  }
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden && controller) controller.abort();
});
byId("ask-why").addEventListener("click", explain);
setInterval(showAge, 200);
run();
