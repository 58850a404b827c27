#!/usr/bin/env node
// The npm package `solc`, spoken to as the native compiler is: `--version`, and standard JSON from stdin to stdout.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import solc from "solc";

const args = process.argv.slice(2);
if (args.includes("--version")) {
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}`);
  process.exit(0);
}
const roots = args.flatMap((arg, at) => (["--base-path", "--include-path"].includes(arg) ? [args[at + 1]] : []));

function read(path) {
  for (const candidate of [path, ...roots.map((root) => join(root, path))]) {
    try {
      return { contents: readFileSync(candidate, "utf8") };
    } catch {
      // The next root may have it.
    }
  }
  return { error: `there is no ${path}` };
}

process.stdout.write(solc.compile(readFileSync(0, "utf8"), { import: read }));
