// Starts the nodes, runs every client against each, and says row by row what passed.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, "../..");
const node = process.execPath;
const python = join(here, ".python/bin/python");
const alloy = process.env.ALLOY_CLIENT ?? join(here, "alloy/target/debug/mundi-alloy-client");

const CLIENTS = {
  cast: ["bash", "cast.sh"],
  forge: ["bash", "forge.sh"],
  hardhat: [node, "hardhat.mjs"],
  ethers: [node, "ethers.mjs"],
  viem: [node, "viem.mjs"],
  "web3.py": [python, "web3_client.py"],
  alloy: [alloy],
  methods: [node, "methods.mjs"],
};
const LIMIT = 240_000;

const { values: options } = parseArgs({
  options: {
    "vs-anvil": { type: "boolean", default: false },
    only: { type: "string" },
    mundi: { type: "string" },
    url: { type: "string" },
  },
});

function freePort() {
  return new Promise((done, failed) => {
    const server = createServer();
    server.on("error", failed);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

async function answers(url) {
  for (let round = 0; round < 300; round++) {
    try {
      const answer = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] }),
      });
      if ((await answer.json()).result === "0x7a69") return;
    } catch {
      // Not yet.
    }
    await new Promise((again) => setTimeout(again, 100));
  }
  throw new Error(`nobody answers at ${url}`);
}

/** Starts a fresh node for one client, so that no client sees what another left. */
async function withNode(command, work) {
  const port = await freePort();
  const child = spawn(command[0], [...command.slice(1), "--port", String(port)], { stdio: ["ignore", "ignore", "inherit"] });
  const ended = new Promise((done) => child.on("exit", done));
  try {
    const url = `http://127.0.0.1:${port}`;
    await answers(url);
    return await work(url);
  } finally {
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(late);
  }
}

/** Runs a client and returns its checks by name: `true`, or why not. */
function runClient(command, url) {
  return new Promise((done) => {
    const child = spawn(command[0], command.slice(1), {
      cwd: here,
      env: {
        ...process.env,
        PATH: `${dirname(node)}:${process.env.PATH}`,
        NODE: node,
        RPC_URL: url,
        WS_URL: url.replace("http", "ws"),
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const late = setTimeout(() => child.kill("SIGKILL"), LIMIT);
    let output = "";
    let errors = "";
    child.stdout.on("data", (data) => (output += data));
    child.stderr.on("data", (data) => (errors += data));
    child.on("error", (error) => (errors += error.message));
    child.on("close", () => {
      clearTimeout(late);
      const checks = new Map();
      for (const line of output.split("\n")) {
        const [, not, name, , reason] = /^(not )?ok (.*?)( # (.*))?$/.exec(line) ?? [];
        if (name !== undefined) checks.set(name, not === undefined ? true : (reason ?? "failed"));
      }
      if (checks.size === 0) checks.set("it runs", errors.trim().split("\n").at(-1) || "no checks were printed");
      done(checks);
    });
  });
}

const mundi = options.mundi ?? process.env.MUNDI ?? join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug/mundi");
const anvil = join(here, "node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil");
const nodes = { mundi: [mundi, "dev", "--silent"] };
if (options["vs-anvil"]) nodes.anvil = [anvil, "--silent", "--steps-tracing"];
if (!existsSync(mundi)) {
  console.error(`there is no ${mundi}; build it with \`cargo build --bin mundi\`, or name it with --mundi`);
  process.exit(2);
}

const results = new Map();
for (const [client, command] of Object.entries(CLIENTS)) {
  if (options.only !== undefined && options.only !== client) continue;
  if (!existsSync(command[0]) && command[0] !== "bash") {
    console.log(`${client}: SKIPPED, it is not installed`);
    continue;
  }
  const row = new Map();
  for (const [name, start] of Object.entries(nodes)) {
    row.set(name, await withNode(start, (url) => runClient(command, url)));
  }
  results.set(client, row);
  const parts = [...row].map(([name, checks]) => {
    const passed = [...checks.values()].filter((result) => result === true).length;
    return `${name} ${passed}/${checks.size}`;
  });
  console.log(`${client.padEnd(8)} ${parts.join("  ")}`);
  for (const [name, checks] of row) {
    for (const [check, result] of checks) {
      if (result !== true) console.log(`    ${name}: ${check}: ${result}`);
    }
  }
}

const names = Object.keys(nodes);
console.log(`\n| client | ${names.join(" | ")} |\n|---|${names.map(() => "---|").join("")}`);
for (const [client, row] of results) {
  const cells = names.map((name) => {
    const checks = [...row.get(name).values()];
    return `${checks.filter((result) => result === true).length} of ${checks.length}`;
  });
  console.log(`| ${client} | ${cells.join(" | ")} |`);
}
const bad = [...results.values()].some((row) => [...row.get("mundi").values()].some((result) => result !== true));
process.exit(bad ? 1 : 0);
