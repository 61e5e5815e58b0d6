"use strict";
const find = (id) => document.getElementById(id);

(() => {
  const data = JSON.parse(find("data").textContent);
  const layers = new Map(data.layers);
  const stacks = new Map(data.stacks);
  const stage = find("stage");
  const graph = stage.querySelector(".graph");
  const details = find("details");
  const filter = find("filter");
  const onlyBuilt = find("built");

  /** What stands on each layer. */
  const carried = new Map([...layers.keys()].map((id) => [id, []]));
  for (const [id, { on }] of layers) for (const base of on) carried.get(base)?.push(id);

  /** What is drawn: families, which move as a whole, with their cards and lines. */
  const families = [...graph.querySelectorAll(".family")].map((element) => {
    const { width, height } = element.dataset;
    const family = { element, width: Number(width), height: Number(height), x: 0, y: 0 };
    family.cards = [...element.querySelectorAll(".card")].map((card) => readCard(card, family));
    family.lines = [...element.querySelectorAll(".line")].map(readLine);
    return family;
  });
  const cards = families.flatMap((family) => family.cards);
  const lines = families.flatMap((family) => family.lines);
  const cardOf = new Map(cards.map((card) => [card.element, card]));

  function readCard(element, family) {
    const { e: x, f: y } = element.transform.baseVal.consolidate().matrix;
    const width = element.querySelector(".box").width.baseVal.value;
    const { id } = element.dataset;
    return { element, family, id, kind: layers.get(id).kind, x, y, width };
  }

  function readLine(element) {
    const { from, to } = element.dataset;
    return { element, from, to };
  }

  // ---- Where everything is, and how large ----

  const gap = 36;
  const rim = 24;
  /** The smallest scale that can still be read. */
  const readable = 0.75;
  let scale = 1;
  let size = { width: 0, height: 0 };
  /** Whether all of it is to be seen, also when the stage becomes smaller. */
  let whole = false;
  /** The stage's own size. Measured while nothing has changed: otherwise the browser would lay everything out for it. */
  let room = { width: 0, height: 0 };
  function measure() {
    room = { width: stage.clientWidth, height: stage.clientHeight };
  }

  /** Lays the families that are shown out in so many columns; a wide one takes several. */
  function flow(shown, columns, pitch) {
    const heights = Array.from({ length: columns }, () => 0);
    for (const family of shown) {
      const span = spanOf(family, pitch);
      let best = { column: 0, y: Infinity };
      for (let column = 0; column + span <= columns; column += 1) {
        const y = Math.max(...heights.slice(column, column + span));
        if (y < best.y) best = { column, y };
      }
      family.x = rim + best.column * pitch;
      family.y = rim + best.y;
      heights.fill(best.y + family.height + gap, best.column, best.column + span);
    }
    const right = Math.max(0, ...shown.map(({ x, width }) => x + width));
    return { width: right + rim, height: Math.max(...heights) - gap + 2 * rim };
  }

  function spanOf({ width }, pitch) {
    return Math.ceil((width + gap) / pitch);
  }

  /**
   * Lays all families out that are shown: in as few columns as need no scrolling, at most as many as can be read; or for
   * an overview in as many as make everything largest.
   */
  function arrange(overview) {
    const shown = families.filter(({ element }) => !element.classList.contains("gone"));
    const pitch = Math.max(...cards.map(({ width }) => width)) + gap;
    const fewest = Math.max(1, ...shown.map((family) => spanOf(family, pitch)));
    const legible = Math.floor((room.width / readable - 2 * rim + gap) / pitch);
    const most = Math.max(fewest, overview ? shown.length * fewest : legible);
    let best = most;
    let largest = overview ? 0 : readable;
    for (let columns = fewest; columns <= most; columns += overview ? Math.ceil(columns / 8) : 1) {
      size = flow(shown, columns, pitch);
      if (fitting() < largest) continue;
      best = columns;
      largest = fitting();
      // From where the width is what limits it, more columns only make it smaller.
      if (!overview || room.width * size.height < room.height * size.width) break;
    }
    size = flow(shown, best, pitch);
    for (const { element, x, y } of shown) element.setAttribute("transform", `translate(${x} ${y})`);
    graph.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
  }

  /** The scale at which all of it is to be seen, enlarged no further than looks good. */
  function fitting() {
    return Math.min(1.15, room.width / size.width, room.height / size.height);
  }

  function setScale(wanted) {
    scale = Math.min(3, Math.max(Math.min(0.1, fitting()), wanted));
    graph.setAttribute("width", size.width * scale);
    graph.setAttribute("height", size.height * scale);
  }

  /** Zooms so that what is at a point of the window, or in the middle of the stage, stays there. */
  function zoom(factor, { x, y } = middle()) {
    whole = false;
    const before = graph.getBoundingClientRect();
    const [left, top] = [(x - before.left) / scale, (y - before.top) / scale];
    setScale(scale * factor);
    const after = graph.getBoundingClientRect();
    stage.scrollBy(after.left + left * scale - x, after.top + top * scale - y);
  }

  function middle() {
    const { left, top } = stage.getBoundingClientRect();
    return { x: left + stage.clientWidth / 2, y: top + stage.clientHeight / 2 };
  }

  /** As large as can be read: all of it where that is possible, otherwise its beginning. */
  function show() {
    arrange(false);
    whole = fitting() >= readable;
    setScale(whole ? fitting() : Math.max(readable, Math.min(1, room.width / size.width)));
    stage.scrollTo(0, 0);
  }

  function showOverview() {
    arrange(true);
    whole = fitting() >= readable;
    setScale(fitting());
  }

  function resize() {
    measure();
    if (whole) setScale(Math.max(readable, fitting()));
  }

  find("in").addEventListener("click", () => zoom(1.25));
  find("out").addEventListener("click", () => zoom(0.8));
  find("whole").addEventListener("click", showOverview);
  stage.addEventListener(
    "wheel",
    (event) => {
      // The wheel alone scrolls; a pinch on a touchpad comes with ctrlKey.
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoom(Math.exp(-event.deltaY / 300), { x: event.clientX, y: event.clientY });
    },
    { passive: false },
  );

  let dragged = false;
  stage.addEventListener("pointerdown", (start) => {
    dragged = false;
    // A finger scrolls by itself, and scrollbars are no part of the graph.
    const onBar = start.offsetX > stage.clientWidth || start.offsetY > stage.clientHeight;
    if (start.pointerType === "touch" || start.button !== 0 || (start.target === stage && onBar)) return;
    const { scrollLeft, scrollTop } = stage;
    const move = (event) => {
      const x = event.clientX - start.clientX;
      const y = event.clientY - start.clientY;
      if (!dragged && Math.hypot(x, y) < 5) return;
      dragged = true;
      stage.classList.add("dragged");
      stage.scrollLeft = scrollLeft - x;
      stage.scrollTop = scrollTop - y;
    };
    const end = () => {
      stage.classList.remove("dragged");
      window.removeEventListener("pointermove", move);
      window.removeEventListener("pointerup", end);
      window.removeEventListener("pointercancel", end);
    };
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", end);
    window.addEventListener("pointercancel", end);
  });

  // ---- Filter ----

  /** An id and all that lies behind it: what it stands on, or what stands on it. */
  function reach(ids, next) {
    const found = new Set();
    const waiting = [...ids];
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      if (found.has(id)) continue;
      found.add(id);
      waiting.push(...next(id));
    }
    return found;
  }
  const basesOf = (id) => layers.get(id)?.on ?? [];
  const carriedBy = (id) => carried.get(id) ?? [];

  function applyFilter() {
    const wanted = filter.value.trim().toLowerCase();
    const ours = [...layers].filter(([, { kind }]) => kind !== "foreign" && kind !== "more");
    const matches = ours.filter(
      ([, { image, state }]) => image.includes(wanted) && (!onlyBuilt.checked || state !== "stays"),
    );
    const shown = reach(matches.map(([id]) => id), basesOf);
    for (const family of families) {
      // What a family stands on is no reason to show it.
      const gone = !family.cards.some(({ id, kind }) => kind !== "foreign" && shown.has(id));
      family.element.classList.toggle("gone", gone);
      if (gone) continue;
      for (const { element, id } of family.cards) {
        const out = !shown.has(id);
        element.classList.toggle("out", out);
        element.setAttribute("aria-hidden", String(out));
        element.setAttribute("tabindex", out ? "-1" : "0");
      }
      for (const { element, from, to } of family.lines)
        element.classList.toggle("out", !shown.has(from) || !shown.has(to));
    }
    const all = wanted === "" && !onlyBuilt.checked;
    find("found").textContent = all ? `${ours.length} layers` : `${matches.length} of ${ours.length} match`;
    find("nothing").hidden = matches.length > 0 || ours.length === 0;
    graph.toggleAttribute("hidden", matches.length === 0 && ours.length > 0);
    show();
  }
  filter.addEventListener("input", applyFilter);
  onlyBuilt.addEventListener("change", applyFilter);
  filter.form.addEventListener("submit", (event) => event.preventDefault());

  // ---- Details ----

  /** An element with text, other elements, or nothing in it; text never becomes markup. */
  function make(name, { className, ...attributes } = {}, ...children) {
    const element = document.createElement(name);
    if (className !== undefined) element.className = className;
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  }

  function linkTo(id) {
    const button = make("button", { type: "button" }, id);
    button.addEventListener("click", () => open(id, cards.find((card) => card.id === id)?.element));
    return button;
  }

  function links(ids) {
    const list = make("ul", { className: "links" }, ...ids.map((id) => make("li", {}, linkTo(id))));
    if (ids.length <= 12) return list;
    return make("details", {}, make("summary", {}, `all ${ids.length}`), list);
  }

  function section(title, ...children) {
    return children.length === 0 ? [] : [make("h3", {}, title), ...children];
  }

  function reason({ text, paths, layer }) {
    if (layer !== undefined) return make("p", {}, `${text} `, make("span", { className: "links inline" }, linkTo(layer)));
    if (paths === undefined) return make("p", {}, text);
    const list = make("ul", { className: "paths" }, ...paths.map((path) => make("li", {}, path)));
    return make("div", {}, make("p", {}, text), list);
  }

  function tag(reference, ...facts) {
    const rows = facts.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]);
    return make("div", { className: "tag" }, make("p", {}, reference), make("dl", {}, ...rows));
  }

  function tagList({ rolling, before, after, immutable }) {
    const unknown = "not known: the registry was not asked; --stale asks it";
    return [
      tag(rolling, ["Before", before ?? unknown], ["After", after]),
      ...(immutable === null ? [] : [tag(immutable, ["After", "made by this plan, and never changes"])]),
    ];
  }

  /** A Dockerfile's words of command and comments, set off. */
  function paint(text) {
    const pieces = [];
    let continued = false;
    for (const line of text.trimEnd().split("\n")) {
      const word = continued ? null : /^(\s*)([A-Za-z]+)(?=\s)/.exec(line);
      if (/^\s*#/.test(line)) pieces.push(make("span", { className: "comment" }, line), "\n");
      else if (word === null) pieces.push(`${line}\n`);
      else pieces.push(word[1], make("span", { className: "word" }, word[2]), `${line.slice(word[0].length)}\n`);
      if (!/^\s*(#|$)/.test(line)) continued = /\\\s*$/.test(line);
    }
    return pieces;
  }

  function source(name, ...content) {
    const pre = make("pre", { tabindex: "0", role: "region", "aria-label": name }, ...content);
    return make("figure", {}, make("figcaption", {}, name), pre);
  }

  const sizes = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

  function filesTable({ listed, more }) {
    const rows = listed.map(({ path, from, size: bytes, over }) => {
      const instead = over.length === 0 ? [] : [make("span", { className: "over" }, `wins over ${over.join(", ")}`)];
      return make(
        "tr",
        {},
        make("td", {}, path),
        make("td", {}, from, ...instead),
        make("td", {}, bytes === null ? "link" : `${sizes.format(bytes)} B`),
      );
    });
    const heads = ["File", "From", "Size"].map((head) => make("th", { scope: "col" }, head));
    const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows));
    return more === 0 ? [table] : [table, make("p", {}, `and ${more} more`)];
  }

  function contentOf(id) {
    const { kind, about, note, on, why, tags, detail } = layers.get(id);
    const badge = note === "" ? [] : [make("span", { className: "note" }, note)];
    const content = [make("p", {}, ...badge, about), ...section("Why", ...why.map(reason))];
    if (tags !== undefined) content.push(...section("Tags", ...tagList(tags)));
    if (on.length > 0) content.push(...section("Stands on", links(on)));
    const above = carriedBy(id);
    if (above.length > 0) content.push(...section("Used by", links(above)));
    if (detail === undefined) return content;
    const { definitions, dockerfile, files } = detail;
    content.push(...section("Definition", ...definitions.map(({ path, text }) => source(path, text))));
    const name = kind === "release" ? "Dockerfile, composed of these layers" : `${id}/Dockerfile`;
    content.push(...section("Dockerfile", source(name, ...paint(dockerfile))));
    const listed = typeof files === "string" ? stacks.get(files) : files;
    content.push(...section("Files", ...filesTable(listed)));
    return content;
  }

  /** The card to return to when the details are closed. */
  let opener;
  let selected;

  function mark(id) {
    const related = id === undefined ? new Set() : new Set([...reach([id], basesOf), ...reach([id], carriedBy)]);
    for (const { element, id: each } of cards) {
      element.classList.toggle("selected", each === id);
      element.setAttribute("aria-expanded", String(each === id));
    }
    for (const { element, from, to } of lines)
      element.classList.toggle("related", related.has(from) && related.has(to));
  }

  function open(id, card) {
    selected = id;
    opener = card ?? opener;
    mark(id);
    find("name").textContent = id;
    find("content").replaceChildren(...contentOf(id));
    details.hidden = false;
    details.scrollTop = 0;
    resize();
    // The stage has become narrower: the card must not be behind its edge.
    opener?.scrollIntoView({ block: "nearest", inline: "nearest" });
    find("name").focus({ preventScroll: true });
    location.replace(`#${encodeURIComponent(id)}`);
  }

  function close() {
    if (selected === undefined) return;
    selected = undefined;
    mark(undefined);
    details.hidden = true;
    resize();
    location.replace("#");
    opener?.focus();
  }
  find("close").addEventListener("click", close);

  graph.addEventListener("click", (event) => {
    const card = event.target.closest(".card");
    if (card !== null && !dragged) open(card.dataset.id, card);
  });

  // ---- Keyboard ----

  /** The card that an arrow leads to: along the lines to the left and right, to the neighbour up and down. */
  function neighbour({ id, family, x, y }, key) {
    const candidates = cards.filter(
      (each) => each.element.getAttribute("tabindex") === "0" && !each.family.element.classList.contains("gone"),
    );
    const kin = candidates.filter((each) => each.family === family);
    const near = (each) => Math.abs(each.y - y);
    const nearest = (found) => found.sort((a, b) => near(a) - near(b))[0];
    if (key === "ArrowLeft") return nearest(kin.filter((each) => basesOf(id).includes(each.id)));
    if (key === "ArrowRight") return nearest(kin.filter((each) => basesOf(each.id).includes(id)));
    const down = key === "ArrowDown" ? 1 : -1;
    const height = (each) => (each.family.y + each.y - family.y - y) * down;
    const column = candidates.filter(
      (each) => Math.abs(each.family.x + each.x - family.x - x) < 60 && height(each) > 0,
    );
    return column.sort((a, b) => height(a) - height(b))[0];
  }

  graph.addEventListener("keydown", (event) => {
    const card = cardOf.get(event.target);
    if (card === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") open(card.id, card.element);
    else if (event.key.startsWith("Arrow")) neighbour(card, event.key)?.element.focus();
    else return;
    event.preventDefault();
  });

  const keys = { "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), 0: showOverview };
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input[type=search]");
    // In the filter, Escape first empties it.
    if (event.key === "Escape" && !(typing && filter.value !== "")) close();
    else if (!typing && !event.ctrlKey && !event.metaKey && !event.altKey) keys[event.key]?.();
  });

  // ---- Start ----

  graph.setAttribute("role", "group");
  for (const { element } of cards) {
    element.setAttribute("role", "button");
    element.setAttribute("aria-controls", "details");
    element.setAttribute("aria-expanded", "false");
  }
  measure();
  applyFilter();
  window.addEventListener("resize", resize);
  let linked = "";
  try {
    linked = decodeURIComponent(location.hash.slice(1));
  } catch {
    // Not one of its own links.
  }
  if (layers.has(linked)) open(linked, cards.find(({ id }) => id === linked)?.element);
})();
