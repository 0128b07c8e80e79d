"use strict";

// The page walks the places that Python found, and knows nothing else of the machine: what may happen, where it leads
// and what there is to say about it all stand in the data.

const data = JSON.parse(document.getElementById("data").textContent);
const MARKS = { done: "✓", failed: "✗", cancelled: "⊘", outside: "→", crash: "↯" };
const SENSES = { good: "✓", bad: "✗", note: "•", plain: "" };
const ENDINGS = { complete: "✓", partial: "◐", failed: "✗" };

// The visits of this walk. Those behind the position are kept for going forward again.
const walk = { start: 0, visits: [], position: 0 };

const element = (id) => document.getElementById(id);

function make(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const here = () => walk.visits[walk.position];
const stateOf = (visit) => data.states[data.places[visit.place][0]];
const factsAt = (visit) => data.places[visit.place][1].map((index) => data.facts[index]);

function choicesAt(visit) {
  const pairs = data.places[visit.place][2];
  const choices = [];
  for (let index = 0; index < pairs.length; index += 2) {
    choices.push({ outcome: data.outcomes[pairs[index]], target: pairs[index + 1] });
  }
  return choices;
}

function begin(start) {
  walk.start = start;
  walk.visits = [{ place: data.starts[start].place, outcome: null, from: null, attempt: 1 }];
  walk.position = 0;
}

// After a crash things are as they were when the place that it leads to was last visited.
function take(number) {
  const choice = choicesAt(here())[number];
  if (!choice) return false;
  walk.visits.length = walk.position + 1;
  const isCrash = choice.outcome.tone === "crash";
  const from = isCrash ? walk.visits.findLastIndex((visit) => visit.place === choice.target) : walk.position;
  const attempt = choice.outcome.again ? walk.visits[from].attempt + 1 : 1;
  walk.visits.push({ place: choice.target, outcome: choice.outcome, from, attempt });
  walk.position += 1;
  return true;
}

function go(position) {
  if (position < 0 || position >= walk.visits.length) return false;
  walk.position = position;
  return true;
}

const trace = (position) => walk.visits.slice(1, position + 1).map((visit) => visit.outcome.key);
const linkTo = (position) => "#" + [data.starts[walk.start].key, ...trace(position)].map(encodeURIComponent).join(",");

// Whoever wrote the link may have written its letters as they are; a lone % stands for itself.
function decoded(piece) {
  try {
    return decodeURIComponent(piece);
  } catch {
    return piece;
  }
}

// Gives what to say about a link that cannot be followed to its end.
function follow(link) {
  const [key, ...outcomes] = link.replace(/^#/, "").replaceAll("%2C", ",").split(",").map(decoded);
  const start = data.starts.findIndex((each) => each.key === key);
  begin(Math.max(start, 0));
  if (start < 0) return key ? `This page has no beginning called ${key}.` : "";
  for (const outcome of outcomes) {
    if (!take(choicesAt(here()).findIndex((choice) => choice.outcome.key === outcome))) {
      return `The link goes on with ${outcome}, which cannot happen in ${stateOf(here()).name}.`;
    }
  }
  return "";
}

function importLines(needed) {
  const names = new Map();
  for (const [module, name] of [...new Set(needed)].map((index) => data.test.imports[index])) {
    names.set(module, [...(names.get(module) || []), name]);
  }
  return [...names].map(([module, found]) => `from ${module} import ${found.sort().join(", ")}`).sort();
}

function replay() {
  if (data.test.missing) return "";
  const visits = walk.visits.slice(0, walk.position + 1);
  const start = data.starts[walk.start];
  const machine = data.test.machine;
  const needed = [...data.test.needs, ...start.needs];
  const lines = [`    visited = [${machine}.start(${start.code})]`];
  for (const visit of visits.slice(1)) {
    const before = `visited[${visit.from}]`;
    if (visit.outcome.again) {
      lines.push(`    visited.append(${machine}.again(${before}).snapshot)  # a crash, and resumed`);
    } else if (visit.outcome.tone === "crash") {
      lines.push(`    visited.append(${before})  # a crash before anything was written down`);
    } else {
      needed.push(...visit.outcome.needs);
      lines.push(`    visited.append(${machine}.step(${before}, ${visit.outcome.code}).snapshot)`);
    }
  }
  const expected = visits.map((visit) => `        ("${stateOf(visit).name}", ${visit.attempt}),`);
  return [
    ...importLines(needed),
    "",
    "",
    "def test_replay() -> None:",
    ...lines,
    "    assert [(snapshot.state, snapshot.attempt) for snapshot in visited] == [",
    ...expected,
    "    ]",
    "",
  ].join("\n");
}

function showState() {
  const state = stateOf(here());
  const ended = state.kind === "end";
  element("kind").textContent = ended ? "It has ended in" : "It stands in";
  element("state").textContent = state.name;
  element("state").dataset.mark = ENDINGS[state.ending] || "";
  document.querySelector(".now").dataset.ending = state.ending;
  element("state-about").textContent = state.about;
  element("asks").textContent = state.effect ? `Asks for ${state.effect}, attempt ${here().attempt}` : "";
  document.title = `${state.name} · ${data.name}`;
}

function showOutcomes() {
  const list = element("outcomes");
  const hadFocus = list.contains(document.activeElement);
  const items = choicesAt(here()).map(({ outcome }, number) => {
    const button = make(
      "button",
      { type: "button", class: `outcome ${outcome.tone}` },
      make("span", { class: "mark", "aria-hidden": "true" }, MARKS[outcome.tone]),
      make("span", {}, make("strong", {}, outcome.name), make("span", { class: "about" }, outcome.about)),
    );
    if (number < 9) button.append(make("kbd", {}, String(number + 1)));
    button.addEventListener("click", () => update(take(number)));
    return make("li", {}, button);
  });
  list.replaceChildren(...items);
  list.hidden = items.length === 0;
  if (hadFocus) (list.querySelector("button") || element("restart")).focus();
}

function showFacts() {
  const groups = Map.groupBy(factsAt(here()), ([group]) => group);
  const shown = [...groups].flatMap(([group, facts]) => [make("h3", {}, data.groups[group]), listOf(facts)]);
  element("facts").replaceChildren(...shown);
}

function listOf(facts) {
  const mark = (sense) => make("span", { class: `mark ${sense}`, "aria-hidden": "true" }, SENSES[sense]);
  if (facts.every(([, label]) => label)) {
    const pairs = facts.map(([, label, text, sense]) => make("div", {}, make("dt", {}, label), make("dd", {}, mark(sense), text)));
    return make("dl", facts.some(([, label]) => label.length > 16) ? { class: "long" } : {}, ...pairs);
  }
  const items = facts.map(([, label, text, sense]) => {
    return make("li", {}, mark(sense), make("span", {}, ...(label ? [make("strong", {}, label), " "] : []), text));
  });
  return make("ul", {}, ...items);
}

const saidOf = ({ tone, name }) => (tone === "outside" ? name : `${MARKS[tone]} ${name}`);

// What is in the log already stays there, so that a screen reader says only what is new.
function showLog() {
  const list = element("log");
  const links = walk.visits.map((_, position) => linkTo(position));
  const differs = links.findIndex((link, position) => list.children[position]?.firstChild.getAttribute("href") !== link);
  const kept = differs < 0 ? links.length : differs;
  while (list.children.length > kept) list.lastChild.remove();
  list.append(...links.slice(kept).map((link, index) => entryOf(link, kept + index)));
  for (const [position, item] of [...list.children].entries()) {
    item.classList.toggle("ahead", position > walk.position);
    item.firstChild.ariaCurrent = position === walk.position ? "step" : null;
  }
}

function entryOf(address, position) {
  const visit = walk.visits[position];
  const said = visit.outcome ? saidOf(visit.outcome) : data.starts[walk.start].title;
  const again = visit.attempt > 1 ? `, attempt ${visit.attempt}` : "";
  const link = make("a", { href: address }, said, make("span", {}, ` → ${stateOf(visit).name}${again}`));
  link.addEventListener("click", (event) => {
    event.preventDefault();
    update(go(position));
  });
  return make("li", {}, link);
}

function showPicture() {
  const isStep = ({ outcome }) => outcome && outcome.tone !== "crash";
  const visited = walk.visits.slice(0, walk.position + 1);
  const steps = visited.filter(isStep).map((visit) => `${stateOf(walk.visits[visit.from]).name} ${stateOf(visit).name}`);
  const choices = choicesAt(here()).filter(isStep).map((choice) => data.states[data.places[choice.target][0]].name);
  const name = stateOf(here()).name;
  const marks = {
    state: { "is-here": [name], "was-here": visited.map((visit) => stateOf(visit).name), "is-next": choices },
    edge: { "was-taken": steps, "is-next": choices.map((target) => `${name} ${target}`) },
  };
  for (const part of document.querySelectorAll(".picture [data-state], .picture [data-source]")) {
    const { state, source, target } = part.dataset;
    for (const [mark, marked] of Object.entries(state ? marks.state : marks.edge)) {
      part.classList.toggle(mark, marked.includes(state || `${source} ${target}`));
    }
  }
  bringIntoView(document.querySelector(".is-here"));
}

function bringIntoView(node) {
  const frame = document.querySelector(".scroll");
  if (!node || frame.scrollWidth <= frame.clientWidth) return;
  const [inner, outer] = [node.getBoundingClientRect(), frame.getBoundingClientRect()];
  frame.scrollLeft += inner.left + inner.width / 2 - outer.left - outer.width / 2;
}

function show() {
  const start = data.starts[walk.start];
  element("start").value = String(walk.start);
  element("start-about").textContent = start.about;
  showState();
  showOutcomes();
  showFacts();
  showLog();
  showPicture();
  element("back").disabled = walk.position === 0;
  element("forward").disabled = walk.position === walk.visits.length - 1;
  element("restart").disabled = walk.position === 0;
  element("test").textContent = replay() || data.test.missing;
  element("copy-test").disabled = Boolean(data.test.missing);
}

function say(text) {
  element("said").textContent = text;
}

function update(moved) {
  if (!moved) return;
  say("");
  if (location.hash !== linkTo(walk.position)) location.hash = linkTo(walk.position);
  show();
}

async function copy(text, said) {
  try {
    await navigator.clipboard.writeText(text);
    say(said);
  } catch {
    say("The browser does not let this page copy: mark the text and copy it yourself.");
  }
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select, pre, .scroll")) return;
  if (event.key >= "1" && event.key <= "9") update(take(Number(event.key) - 1));
  else if (event.key === "ArrowLeft") update(go(walk.position - 1));
  else if (event.key === "ArrowRight") update(go(walk.position + 1));
  else if (event.key === "0") update(go(0));
  else return;
  event.preventDefault();
}

function openHash() {
  if (location.hash === linkTo(walk.position)) return;
  say(follow(location.hash));
  show();
}

element("start").append(...data.starts.map((start, index) => make("option", { value: index }, start.title)));
element("start").addEventListener("change", (event) => {
  begin(Number(event.target.value));
  update(true);
});
element("back").addEventListener("click", () => update(go(walk.position - 1)));
element("forward").addEventListener("click", () => update(go(walk.position + 1)));
element("restart").addEventListener("click", () => update(go(0)));
element("copy-link").addEventListener("click", () => copy(location.href.split("#")[0] + linkTo(walk.position), "The link is copied."));
element("copy-test").addEventListener("click", () => copy(replay(), "The test is copied."));
document.addEventListener("keydown", pressed);
window.addEventListener("hashchange", openHash);

begin(0);
say(follow(location.hash));
show();
