// Compiles the sources with the pinned compiler and writes one file of creation bytecode per contract.
//
//   node compile.mjs           writes bytecode/*.hex
//   node compile.mjs --check   writes nothing; exit status 1 if a file there differs
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const solc = createRequire(import.meta.url)("solc");
const contracts = ["Token", "ConstantProductPair", "ConcentratedPool", "Router", "TickPriceProbe"];
const at = (...parts) => path.join(here, ...parts);
const source = (name) => ({ content: fs.readFileSync(at("src", name), "utf8") });

const input = {
  language: "Solidity",
  sources: Object.fromEntries(fs.readdirSync(at("src")).sort().map((name) => [name, source(name)])),
  settings: JSON.parse(fs.readFileSync(at("settings.json"), "utf8")),
};
const resolve = (name) => {
  try {
    return { contents: fs.readFileSync(at("node_modules", name), "utf8") };
  } catch {
    return { error: `${name} not found: run npm ci first` };
  }
};
const output = JSON.parse(solc.compile(JSON.stringify(input), { import: resolve }));
for (const message of output.errors ?? []) console.error(message.formattedMessage);
if ((output.errors ?? []).some((message) => message.severity === "error")) process.exit(2);

const check = process.argv.includes("--check");
let differing = 0;
for (const name of contracts) {
  const file = at("bytecode", `${name}.hex`);
  const code = output.contracts[`${name}.sol`][name].evm.bytecode.object + "\n";
  if (!check) {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, code);
  } else if (!fs.existsSync(file) || fs.readFileSync(file, "utf8") !== code) {
    console.error(`bytecode/${name}.hex is not what src/${name}.sol compiles to`);
    differing += 1;
  }
}
process.exit(differing === 0 ? 0 : 1);
