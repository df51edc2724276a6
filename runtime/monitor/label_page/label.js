"use strict";
const TIMEOUT_MS = 20000, POLL_MS = 4000, MAX_MOVED = 100, MIN_IMAGES = 5, KEYS = "123456789";
const NEW = "new", UNUSABLE = "unusable", CLASS = "labelled/";
const byId = id => document.getElementById(id), grid = byId("grid");
const undoable = [], tiles = new Map();
let pile = NEW, known = "", classes = [], anchor = null, last = null, busy = 0;

function setNote(text, bad = false) {
  if (byId("note").textContent !== text) byId("note").textContent = text;
  byId("note").classList.toggle("bad", bad);
}

function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function askForToken() {
  byId("sign-in").hidden = false;
  byId("main").hidden = true;
  setNote("token needed");
}

async function request(path, options = {}) {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const response = await fetch(path, {signal, cache: "no-store", ...options});
  if (response.status === 401) askForToken();
  if (!response.ok) throw new Error((await response.text()).trim());
  return response.json();
}

function errorText(error) {
  const offline = error instanceof TypeError || error.name === "TimeoutError";
  return offline ? "no connection; trying again" : error.message;
}

// A tile is a button, so that Space and a screen reader work as everywhere.
function makeTile(image) {
  const tile = document.createElement("button"), img = document.createElement("img");
  const guess = document.createElement("bdi"), why = document.createElement("span");
  tile.className = "tile";
  tile.type = "button";
  tile.setAttribute("aria-pressed", "false");
  img.loading = "lazy";
  img.alt = image.name;
  img.src = imageURL(image.name);
  guess.textContent = guessText(image) || image.reason || image.name;
  why.textContent = guessText(image) ? image.reason : timeText(image.at);
  tile.title = [image.name, image.reason, timeText(image.at)].filter(Boolean).join(", ");
  tile.append(img, guess, why);
  tile.image = image;
  return tile;
}

function imageURL(name, whole = "") {
  const query = new URLSearchParams({pile, name});
  if (whole) query.set("whole", whole);
  return `label/image?${query}`;
}

// The label comes last, because a long one is cut off.
function guessText({predicted, verdict, score}) {
  if (typeof predicted !== "string" || !predicted) return "";
  const text = typeof score === "number" ? `${score.toFixed(2)} ${predicted}` : predicted;
  return verdict === "known" ? text : `? ${text}`;
}

function timeText(time) {
  return typeof time === "string" ? time.slice(5, 16).replace("T", " ") : "";
}

const allTiles = () => [...grid.children];
const isChosen = tile => tile.getAttribute("aria-pressed") === "true";
const chosenTiles = () => allTiles().filter(isChosen);

function choose(tile, chosen) {
  tile.setAttribute("aria-pressed", String(chosen));
}

function chooseUpTo(tile) {
  const order = allTiles(), ends = [order.indexOf(anchor || tile), order.indexOf(tile)];
  const [from, to] = ends.sort((a, b) => a - b);
  order.slice(Math.max(0, from), to + 1).forEach(other => choose(other, true));
}

function showChosen() {
  const count = chosenTiles().length;
  byId("chosen").textContent = count
    ? `${counted(count, "image")} chosen`
    : "Choose images, then a class. If none is chosen, a key labels the image with the blue outline.";
}

function showImages(images) {
  const wanted = new Set(images.map(image => image.name)), focused = document.activeElement;
  for (const [name, tile] of tiles) {
    if (wanted.has(name)) continue;
    if (tile === focused) focusBeside(tile);
    tile.remove();
    tiles.delete(name);
  }
  let before = null;
  images.forEach((image, index) => {
    const tile = tiles.get(image.name) || makeTile(image);
    const isOf = other => Boolean(image.burst) && other?.burst === image.burst;
    tiles.set(image.name, tile);
    tile.classList.toggle("first", !isOf(images[index - 1]) && isOf(images[index + 1]));
    tile.classList.toggle("later", isOf(images[index - 1]));
    const next = before ? before.nextSibling : grid.firstChild;
    if (tile !== next) grid.insertBefore(tile, next);
    before = tile;
  });
}

function focusBeside(tile) {
  const beside = tile.nextElementSibling || tile.previousElementSibling;
  last = beside;
  if (beside) beside.focus();
}

function classButton(name, count, key) {
  const button = document.createElement("button"), text = document.createElement("bdi");
  const number = document.createElement("span"), kbd = document.createElement("kbd");
  button.type = "button";
  button.title = `${name}: ${counted(count, "image")}`;
  text.textContent = name;
  number.textContent = String(count);
  number.className = count && count < MIN_IMAGES ? "few" : "";
  kbd.textContent = key;
  button.append(...(key ? [kbd] : []), text, number);
  button.addEventListener("click", () => label(name));
  return button;
}

function option(value, text) {
  const node = document.createElement("option");
  node.value = value;
  if (text) node.textContent = text;
  return node;
}

// Classes keep their keys while the page is open: a new one goes to the end.
function showClasses(counts) {
  const names = Object.keys(counts);
  classes = classes.filter(name => names.includes(name));
  classes.push(...names.filter(name => !classes.includes(name)));
  byId("classes").replaceChildren(
    ...classes.map((name, index) => classButton(name, counts[name], KEYS[index] || "")));
  byId("names").replaceChildren(...classes.map(name => option(name)));
}

function showPlaces(list) {
  const options = [
    option(NEW, `new (${list.new})`),
    ...classes.map(name => option(CLASS + name, `${name} (${list.classes[name]})`)),
    option(UNUSABLE, `not usable (${list.unusable})`),
  ];
  if (!options.some(node => node.value === pile)) options.push(option(pile, pile));
  byId("pile").replaceChildren(...options);
  byId("pile").value = pile;
}

function summary(list) {
  const few = Object.values(list.classes)
    .filter(count => count && count < MIN_IMAGES).length;
  const parts = [`${counted(list.new, "image")} without a label`];
  if (few) parts.push(`classes with fewer than the ${MIN_IMAGES} images that train needs: ${few}`);
  return parts.join("; ");
}

function showList(list) {
  byId("main").hidden = false;
  showClasses(list.classes);
  showPlaces(list);
  showImages(list.tiles);
  showChosen();
  byId("empty").hidden = list.tiles.length > 0 && !list.more;
  byId("empty").textContent = list.more ? `and ${list.more} more` : "No images here.";
  setNote(summary(list));
}

// A list that was asked for before a move must not bring moved images back.
async function refresh() {
  const asked = pile, moves = busy;
  const list = await request(`label/list?${new URLSearchParams({pile, known})}`);
  if (asked !== pile || busy !== moves) return;
  known = list.version;
  if (list.tiles) showList(list);
  else if (byId("note").classList.contains("bad")) setNote("");
}

async function post(images, from, to) {
  const moved = [];
  for (let start = 0; start < images.length; start += MAX_MOVED) {
    const body = JSON.stringify({image_names: images.slice(start, start + MAX_MOVED), from, to});
    const headers = {"Content-Type": "application/json"};
    const answer = await request("label/move", {method: "POST", headers, body});
    moved.push(...answer.moved);
  }
  return moved;
}

async function move(images, from, to, undoing = false) {
  if (!images.length || from === to) return;
  let text = "", moved = [], failed = false;
  busy += 1;
  try {
    moved = await post(images, from, to);
    const missed = images.length - moved.length;
    if (missed) text = `others had already moved ${counted(missed, "image")}`;
  } catch (error) {
    text = errorText(error);
    failed = true;
  }
  if (moved.length && !undoing) undoable.push({images: moved, from: to, to: from});
  byId("undo").disabled = !undoable.length;
  known = "";
  busy += 1;
  await refresh().catch(error => { text = errorText(error); });
  if (text) setNote(text, true);
  return !failed;
}

// What is chosen, or else the image that has the focus, or had it last.
function targets() {
  const chosen = chosenTiles();
  if (chosen.length) return chosen;
  const tile = document.activeElement.closest(".tile") || last;
  return tile && tile.isConnected ? [tile] : [];
}

async function moveTargets(to) {
  const moving = targets();
  if (!moving.length) {
    setNote("choose an image first", true);
    return;
  }
  const beside = moving.at(-1).nextElementSibling || moving[0].previousElementSibling;
  await move(moving.map(tile => tile.image.name), pile, to);
  allTiles().forEach(tile => choose(tile, false));
  anchor = null;
  showChosen();
  if (beside && beside.isConnected) beside.focus();
}

function label(name) {
  return moveTargets(CLASS + name);
}

async function undo() {
  const step = undoable.pop();
  if (step && !await move(step.images, step.from, step.to, true)) undoable.push(step);
  byId("undo").disabled = !undoable.length;
}

function show(tile) {
  byId("image").src = imageURL(tile.image.name, "1");
  byId("image").alt = tile.image.name;
  const {name, reason, source} = tile.image;
  byId("caption").textContent =
    [name, guessText(tile.image), reason, source].filter(text => text !== "" && text != null)
      .join(" · ");
  byId("whole").showModal();
}

function step(tile, key) {
  const order = allTiles(), index = order.indexOf(tile);
  const top = order[0].offsetTop, row = order.findIndex(other => other.offsetTop !== top);
  const columns = row < 0 ? order.length : row;
  const by = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns}[key];
  return order[index + by];
}

function chooseBurst(tile) {
  const {burst} = tile.image;
  const others = burst ? allTiles().filter(other => other.image.burst === burst) : [tile];
  others.forEach(other => choose(other, true));
}

function onTileKey(event, tile) {
  if (event.key.startsWith("Arrow")) {
    const next = step(tile, event.key);
    if (!next) return true;
    if (event.shiftKey) {
      anchor = anchor || tile;
      chooseUpTo(next);
    }
    next.focus();
  } else if (event.key === "Enter") show(tile);
  else if (event.key === "b") chooseBurst(tile);
  else return false;
  return true;
}

function onKey(event) {
  const {key} = event, typing = event.target.closest("input, select, dialog");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const tile = document.activeElement.closest(".tile");
  const number = key.length === 1 ? KEYS.indexOf(key) : -1;
  if (tile && onTileKey(event, tile)) event.preventDefault();
  else if (number >= 0 && classes[number]) label(classes[number]);
  else if (key === "x") moveTargets(UNUSABLE);
  else if (key === "z") undo();
  else if (key === "a") allTiles().forEach(other => choose(other, true));
  else if (key === "Escape") allTiles().forEach(other => choose(other, false));
  else if (key === "n") {
    byId("name").focus();
    event.preventDefault();
  } else if (key.startsWith("Arrow") && !tile && grid.firstChild) {
    (last && last.isConnected ? last : grid.firstChild).focus();
    event.preventDefault();
  }
  showChosen();
}

function onClick(event) {
  const tile = event.target.closest(".tile");
  if (!tile) return;
  if (event.shiftKey) chooseUpTo(tile);
  else {
    choose(tile, !isChosen(tile));
    anchor = tile;
  }
  showChosen();
}

async function onName(event) {
  event.preventDefault();
  const name = byId("name").value.trim();
  if (!name) return;
  byId("name").value = "";
  await label(name);
}

async function run() {
  for (;;) {
    if (!document.hidden && byId("sign-in").hidden) {
      await refresh().catch(error => setNote(errorText(error), true));
    }
    await new Promise(resolve => setTimeout(resolve, POLL_MS));
  }
}

grid.addEventListener("click", onClick);
grid.addEventListener("dblclick", event => {
  const tile = event.target.closest(".tile");
  if (tile) show(tile);
});
grid.addEventListener("focusin", event => { last = event.target.closest(".tile") || last; });
document.addEventListener("keydown", onKey);
byId("other").addEventListener("submit", onName);
byId("unusable").addEventListener("click", () => moveTargets(UNUSABLE));
byId("undo").addEventListener("click", undo);
byId("whole").addEventListener("click", () => byId("whole").close());
byId("pile").addEventListener("change", () => {
  pile = byId("pile").value;
  known = "";
  tiles.clear();
  grid.replaceChildren();
  anchor = last = null;
  refresh().catch(error => setNote(errorText(error), true));
});
byId("live").hidden = !location.pathname.endsWith("/label");
run();
