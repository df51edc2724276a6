"use strict";
const TIMEOUT_MS = 8000, MIN_INTERVAL_MS = 66, RETRY_MS = [500, 1000, 2000, 4000];
const WHY_TIMEOUT_MS = 120000, SVG = "http://www.w3.org/2000/svg";
const byId = id => document.getElementById(id), decoder = new TextDecoder();
const pause = ms => new Promise(resolve => setTimeout(resolve, ms));
const fromTemplate = id => byId(id).content.firstElementChild.cloneNode(true);
const panels = new Map();

function formatAge(ms) {
  if (ms < 1000) return `${Math.round(ms / 10) * 10} ms`;
  if (ms < 60000) return `${(ms / 1000).toFixed(ms < 10000 ? 1 : 0)} s`;
  return `${Math.floor(ms / 60000)} min ${Math.floor(ms / 1000) % 60} s`;
}

function addBar(bars) {
  const row = document.createElement("li"), fill = document.createElement("i");
  fill.setAttribute("role", "meter");
  fill.setAttribute("aria-valuemin", "0");
  fill.setAttribute("aria-valuemax", "100");
  row.append(fill, document.createElement("bdi"), document.createElement("span"));
  bars.append(row);
  return row;
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

// A part of the page that was made from a template; its elements are found by their class.
class Part {
  constructor(template) {
    this.root = fromTemplate(template);
  }

  get(name) {
    return this.root.querySelector(`.${name}`);
  }

  setText(name, text) {
    if (this.get(name).textContent !== text) this.get(name).textContent = text;
  }
}

// The answer of one view: the whole image or a region of it.
class Answer extends Part {
  constructor(source, view) {
    super("answer");
    this.query = `source_name=${encodeURIComponent(source)}&view=${encodeURIComponent(view)}`;
    this.get("view").hidden = view === "" || view === source;
    this.setText("view", view);
    this.get("ask-why").addEventListener("click", () => this.explain());
  }

  show(answer) {
    const bars = this.get("bars"), count = answer.predictions.length, label = this.get("label");
    const single = count === 1 && !answer.more;
    answer.predictions.forEach((prediction, index) => {
      showPrediction(bars.children[index] || addBar(bars), prediction, single);
    });
    while (bars.children.length > count) bars.lastElementChild.remove();
    this.get("more").hidden = !answer.more;
    this.setText("more", `and ${answer.more} more`);
    this.setText("label", answer.text);
    label.classList.toggle("unknown", answer.predicted === null);
    label.title = answer.predicted || "";
    this.get("why").hidden = !answer.explains;
  }

  // The image holds its own label and score, so it may stay while the answer changes.
  async explain() {
    this.get("ask-why").disabled = true;
    this.setText("why-note", "drawing the heat map …");
    try {
      const signal = AbortSignal.timeout(WHY_TIMEOUT_MS);
      const response = await fetch(`why.png?${this.query}`, {signal, cache: "no-store"});
      if (!response.ok) throw new Error(`the server answered ${response.status}`);
      const map = this.get("map"), previous = map.src;
      map.src = URL.createObjectURL(await response.blob());
      await map.decode();
      map.hidden = false;
      if (previous) URL.revokeObjectURL(previous);
      this.setText("why-note", "made from the image at the moment when you pressed");
    } catch {
      this.setText("why-note", "no heat map now; camera prints the reason");
    }
    this.get("ask-why").disabled = false;
  }
}

// One source: its newest image, and the answers of its views.
class SourcePanel extends Part {
  constructor(source) {
    super("panel");
    Object.assign(this, {source, after: -1, failures: 0, latest: null, receivedAt: 0, problem: ""});
    Object.assign(this, {imageURL: "", controller: null, answers: new Map(), start: null});
    byId("panels").append(this.root);
    this.get("draw").addEventListener("click", () => this.setDrawing(this.start === null));
    this.listenToPointer();
    this.run();
  }

  get ageMs() {
    return this.latest.age_ms + performance.now() - this.receivedAt;
  }

  get title() {
    return this.latest && this.latest.predicted !== null ? this.latest.predicted || "" : "";
  }

  showAnswers() {
    if (this.latest.age_ms === null) return;
    const views = this.latest.views.map(({view}) => view);
    for (const [view, answer] of this.answers) {
      if (views.includes(view)) continue;
      answer.root.remove();
      this.answers.delete(view);
    }
    for (const answer of this.latest.views) {
      if (!this.answers.has(answer.view)) {
        this.answers.set(answer.view, new Answer(this.source || "", answer.view));
        this.get("answers").append(this.answers.get(answer.view).root);
      }
      this.answers.get(answer.view).show(answer);
    }
    this.setText("bundle", [this.source, this.latest.title].filter(Boolean).join(": "));
    this.setText("fps", this.latest.fps.toFixed(1));
    this.setText("latency", `${this.latest.latency_ms.toFixed(1)} ms`);
    this.showRegions();
  }

  sourceText(empty, stale) {
    if (this.latest.state === "lost") return "source lost";
    if (this.latest.state === "waiting" || empty) return "waiting for the source";
    return stale ? "no new images" : "live";
  }

  noticeText(empty) {
    if (empty) return this.latest.state === "lost" ? "source lost" : "no image yet";
    const seconds = Math.floor(this.ageMs / 1000);
    return `no image for ${seconds < 60 ? `${seconds} s` : formatAge(1000 * seconds)}`;
  }

  // Returns whether something is wrong.
  showAge() {
    if (this.latest === null) {
      this.setText("state", this.problem || "connecting");
      return this.problem !== "";
    }
    const empty = this.latest.age_ms === null;
    const stale =
      !empty && (this.ageMs > this.latest.stale_after_ms || this.latest.state === "lost");
    this.root.classList.toggle("stale", stale || this.problem !== "");
    this.root.classList.toggle("running", !stale && !empty && this.problem === "");
    this.get("caption").hidden = !empty && !stale;
    this.setText("notice", this.noticeText(empty));
    if (!empty) this.setText("age", formatAge(this.ageMs));
    this.setText("state", this.problem || this.sourceText(empty, stale));
    return stale || this.problem !== "";
  }

  async showImage(jpeg) {
    const previous = this.imageURL, image = this.get("image");
    image.src = this.imageURL = URL.createObjectURL(new Blob([jpeg], {type: "image/jpeg"}));
    try {
      await image.decode();
      image.hidden = false;
    } catch { /* the next image may be complete */ }
    if (previous) URL.revokeObjectURL(previous);
  }

  // The svg lies over the image and is fitted into the same box, so it counts in its pixels.
  showRegions() {
    const svg = this.get("regions"), {naturalWidth: width, naturalHeight: height} = this.get("image");
    const views = this.latest.views.filter(({region}) => region);
    const key = JSON.stringify([width, height, views.map(({view, region}) => [view, region])]);
    if (!width || svg.dataset.key === key) return;
    svg.dataset.key = key;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.replaceChildren(...views.flatMap(({view, region}) => {
      const text = document.createElementNS(SVG, "text");
      text.textContent = view === this.source ? "" : view;
      text.setAttribute("x", (region[0] + 0.01) * width);
      text.setAttribute("y", region[1] * height + 0.055 * height);
      text.setAttribute("font-size", 0.05 * height);
      return [this.rectangle(region), text];
    }));
  }

  rectangle(region) {
    const {naturalWidth: width, naturalHeight: height} = this.get("image");
    const shape = document.createElementNS(SVG, "rect");
    ["x", "y", "width", "height"].forEach((name, index) => {
      shape.setAttribute(name, region[index] * (index % 2 ? height : width));
    });
    return shape;
  }

  setDrawing(on) {
    this.start = on ? undefined : null;
    this.get("draw").setAttribute("aria-pressed", on);
    this.root.classList.toggle("is-drawing", on);
    this.setText("draw-note", on ? "drag over the image" : "");
  }

  listenToPointer() {
    const svg = this.get("regions");
    svg.addEventListener("pointerdown", event => {
      if (this.start === null || !svg.dataset.key) return;
      svg.setPointerCapture(event.pointerId);
      this.start = this.pointAt(event);
    });
    svg.addEventListener("pointermove", event => {
      if (this.start) this.showDrawn(this.start, this.pointAt(event));
    });
    svg.addEventListener("pointerup", event => {
      if (!this.start) return;
      const isRegion = this.showDrawn(this.start, this.pointAt(event));
      this.setDrawing(!isRegion);
      if (!isRegion) return;
      this.setText("draw-note", "start camera again with");
      this.get("drawn").select();
    });
  }

  // Returns the fractions of the image under the pointer, with three digits.
  pointAt({clientX, clientY}) {
    const svg = this.get("regions"), image = this.get("image");
    const point = new DOMPoint(clientX, clientY).matrixTransform(svg.getScreenCTM().inverse());
    const fraction = value => Math.round(1000 * Math.min(1, Math.max(0, value))) / 1000;
    return [fraction(point.x / image.naturalWidth), fraction(point.y / image.naturalHeight)];
  }

  // Shows a rectangle and the option for it; returns whether it is large enough.
  showDrawn([x, y], [right, bottom]) {
    const size = [Math.abs(right - x), Math.abs(bottom - y)];
    const region = [Math.min(x, right), Math.min(y, bottom), ...size];
    const values = region.map(value => Number(value.toFixed(3)));
    const drawn = this.rectangle(values);
    drawn.classList.add("new");
    this.root.querySelectorAll("rect.new").forEach(shape => shape.remove());
    this.get("regions").append(drawn);
    this.get("drawn").hidden = false;
    this.get("drawn").value =
      `--region ${this.source ? `${this.source}=` : ""}${values.join(",")}`;
    return Math.min(...size) >= 0.01;
  }

  // The body of a response is the length of the JSON (4 bytes), the JSON, and perhaps a JPEG.
  async showResponse(body) {
    const size = new DataView(body).getUint32(0), jpeg = new Uint8Array(body, 4 + size);
    this.latest = JSON.parse(decoder.decode(new Uint8Array(body, 4, size)));
    this.receivedAt = performance.now();
    this.after = this.latest.number;
    this.failures = 0;
    this.problem = "";
    this.get("both").hidden = false;
    this.nameSources(this.latest.source_names);
    if (jpeg.length) await this.showImage(jpeg);
    this.showAnswers();
  }

  // The first panel does not know its name, nor the others, before the first response.
  nameSources([first, ...others]) {
    if (this.source === null) {
      this.source = first;
      for (const source of others) panels.set(source, new SourcePanel(source));
    } else if (panels.size !== others.length + 1) {
      location.reload(); // camera runs again with other sources
    }
  }

  // Returns false if the page needs a token.
  async poll() {
    this.controller = new AbortController();
    const timer = setTimeout(() => this.controller.abort(), TIMEOUT_MS);
    try {
      const options = {signal: this.controller.signal, cache: "no-store"};
      const source = this.source ? `&source_name=${encodeURIComponent(this.source)}` : "";
      const response = await fetch(`latest?after=${this.after}${source}`, options);
      if (response.status === 401) {
        this.askForToken();
        return false;
      }
      if (response.status === 503) throw new Error("too many viewers; trying again");
      if (response.status === 404) location.reload(); // this source is gone
      if (!response.ok) throw new Error(`the server answered ${response.status}; trying again`);
      await this.showResponse(await response.arrayBuffer());
    } catch (error) {
      const offline = error instanceof TypeError || error.name === "AbortError";
      if (!document.hidden) {
        this.problem = offline ? "no connection; trying again" : error.message;
      }
      this.failures += 1;
    } finally {
      clearTimeout(timer);
    }
    showAges();
    return true;
  }

  askForToken() {
    byId("sign-in").hidden = false;
    this.get("both").hidden = true;
    this.problem = "token needed";
    showAges();
  }

  async run() {
    for (;;) {
      await whenVisible();
      const start = performance.now();
      if (!await this.poll()) return;
      const rest = Math.max(0, MIN_INTERVAL_MS - (performance.now() - start));
      const retry = RETRY_MS[Math.min(this.failures, RETRY_MS.length) - 1];
      await pause(this.failures ? retry : rest);
    }
  }
}

function showAges() {
  const wrong = [...panels.values()].map(panel => panel.showAge()).some(Boolean);
  const [first] = panels.values();
  const title = (panels.size === 1 && first.title) || "Quince live";
  document.title = wrong ? `⚠ ${title}` : title;
}

function whenVisible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise(resolve => {
    document.addEventListener("visibilitychange", resolve, {once: true});
  }).then(whenVisible);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) return;
  for (const panel of panels.values()) if (panel.controller) panel.controller.abort();
});
panels.set("", new SourcePanel(null));
setInterval(showAges, 200);
