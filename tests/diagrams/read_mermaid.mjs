// Reads diagrams by Mermaid's own parser: {name: text} comes in as JSON, and what Mermaid understood goes out.
// Usage: node read_mermaid.mjs FOLDER_OF_NODE_MODULES

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const load = (path) => import(pathToFileURL(`${process.argv[2]}/${path}`).href);

const { JSDOM } = (await load("jsdom/lib/api.js")).default;
globalThis.window = new JSDOM("").window; // Mermaid cleans texts by a document's means
globalThis.document = window.document;
const { default: mermaid } = await load("mermaid/dist/mermaid.core.mjs");
await mermaid.parse("flowchart TB\n a --> b"); // which loads its grammars

// Mermaid keeps "#59;" under a code of its own until it draws.
const plain = (text) =>
  (text ?? "").replace(/ﬂ°°(\d+)¶ß/g, (_, code) => String.fromCodePoint(Number(code))).replaceAll(/<br ?\/?>/g, "\n");

const readers = {
  stateDiagram: (db) => ({
    nodes: [...db.getStates().values()].map((state) => ({
      id: state.id,
      label: plain([state.description, ...(state.descriptions ?? [])].filter(Boolean).join("\n")),
      classes: state.classes ?? [],
    })),
    edges: db.getRelations().map((edge) => ({ source: edge.id1, target: edge.id2, label: plain(edge.relationTitle) })),
  }),
  "flowchart-v2": (db) => ({
    nodes: [...db.getVertices().values()].map((node) => ({ id: node.id, label: plain(node.text), classes: node.classes })),
    edges: db.getEdges().map((edge) => ({
      source: edge.start,
      target: edge.end,
      label: plain(edge.text),
      stroke: edge.stroke,
      style: edge.style ?? [],
    })),
  }),
  sequence: (db) => ({
    nodes: [...db.getActors().values()].map((actor) => ({ id: actor.name, label: plain(actor.description), classes: [] })),
    edges: db.getMessages().map((message) => ({ source: message.from, target: message.to, label: plain(message.message) })),
  }),
};

const read = async (text) => {
  try {
    const diagram = await mermaid.mermaidAPI.getDiagramFromText(text);
    return { type: diagram.type, ...readers[diagram.type](diagram.db) };
  } catch (error) {
    return { error: String(error.message ?? error) };
  }
};

const texts = JSON.parse(readFileSync(0, "utf8"));
const answers = {};
for (const [name, text] of Object.entries(texts)) answers[name] = await read(text);
process.stdout.write(JSON.stringify(answers));
