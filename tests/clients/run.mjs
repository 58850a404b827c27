// Starts the nodes, runs every client against each, and says row by row what passed.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
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
const VALIDATORS = 4;
// What `mundi net new` keeps free for more nodes between ports of one kind and the next: JSON-RPC, figures, peers, peers behind the proxy.
const PORT_KINDS = [0, 100, 200, 300];

const { values: options } = parseArgs({
  options: {
    "vs-anvil": { type: "boolean", default: false },
    net: { type: "boolean", default: false },
    node: { type: "string" },
    only: { type: "string" },
    mundi: { type: "string" },
  },
});
const chosen = options.node === undefined ? undefined : Number(options.node);
if (options.net && options["vs-anvil"]) refuse("--net and --vs-anvil: anvil has no networks; name one of them");
if (chosen !== undefined && !options.net) refuse("--node: of which network? add --net");
if (chosen !== undefined && !(Number.isInteger(chosen) && chosen >= 0 && chosen < VALIDATORS)) {
  refuse(`--node ${options.node}: expected 0 to ${VALIDATORS - 1}`);
}
// On a network a transaction waits for the votes of others.
const LIMIT = options.net ? 480_000 : 240_000;

function refuse(why) {
  console.error(why);
  process.exit(2);
}

/** The port, or a free one for 0, if it can be had. */
function freePort(port = 0) {
  return new Promise((done, failed) => {
    const server = createServer();
    server.on("error", failed);
    server.listen(port, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

/** A first port for a network, below those that systems give to whoever asks for any. */
async function freePorts() {
  for (let round = 0; round < 50; round++) {
    const base = 20_000 + 400 * Math.floor(Math.random() * 30);
    const wanted = PORT_KINDS.flatMap((kind) => Array.from({ length: VALIDATORS }, (_, node) => base + kind + node));
    try {
      for (const port of wanted) await freePort(port);
      return base;
    } catch {
      // Somebody has one of them.
    }
  }
  throw new Error("no ports are free for a network");
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

/** Makes a network of validators, and starts it for all clients. `end` ends it and tells whether it ended in good order. */
async function startNetwork() {
  const folder = mkdtempSync(join(tmpdir(), "mundi-clients-"));
  const dir = join(folder, "net");
  const base = await freePorts();
  const net = (...order) => spawnSync(mundi, ["net", ...order], { encoding: "utf8" });
  let down;
  const end = () => {
    if (down === undefined) {
      down = net("down", dir);
      rmSync(folder, { recursive: true, force: true });
      if (down.status !== 0) console.error(`mundi net down: ${down.stderr}`);
    }
    return down.status === 0;
  };
  // However this program ends, the network does not stay behind.
  process.on("exit", end);
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(130));
  const urls = Array.from({ length: VALIDATORS }, (_, node) => `http://127.0.0.1:${base + node}`);
  const made = net("new", "--validators", String(VALIDATORS), "--base-port", String(base), "--dir", dir);
  if (made.status !== 0) throw new Error(made.stderr);
  // It says so if a node takes longer than it waits; whether all of them answer is seen next.
  const up = net("up", dir, "--detach");
  for (const url of urls) {
    await answers(url).catch((error) => {
      const log = join(dir, "run/net.log");
      const lines = existsSync(log) ? readFileSync(log, "utf8").slice(-4000) : "";
      throw new Error(`${error.message}\n${up.stdout}${up.stderr}${lines}`);
    });
  }
  return { urls, end };
}

/** Runs a client and returns its checks by name: `true`, or why not; `null` for one that a network has no use for. */
function runClient(command, url) {
  return new Promise((done) => {
    const child = spawn(command[0], command.slice(1), {
      cwd: here,
      env: {
        ...process.env,
        PATH: `${dirname(node)}:${process.env.PATH}`,
        NODE: node,
        ON_NETWORK: options.net ? "1" : "",
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
        const [, left] = /^skip (.*)$/.exec(line) ?? [];
        if (left !== undefined) checks.set(left, null);
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

const network = options.net ? await startNetwork() : undefined;
const results = new Map();
let turn = 0;
for (const [client, command] of Object.entries(CLIENTS)) {
  if (options.only !== undefined && options.only !== client) continue;
  if (!existsSync(command[0]) && command[0] !== "bash") {
    console.log(`${client}: SKIPPED, it is not installed`);
    continue;
  }
  const row = new Map();
  if (network !== undefined) {
    // Each client talks to another node.
    const node = chosen ?? turn++ % VALIDATORS;
    row.set(`node ${node}`, await runClient(command, network.urls[node]));
  } else {
    for (const [name, start] of Object.entries(nodes)) {
      row.set(name, await withNode(start, (url) => runClient(command, url)));
    }
  }
  results.set(client, row);
  const parts = [...row].map(([name, checks]) => {
    const made = [...checks.values()].filter((result) => result !== null);
    const left = checks.size - made.length;
    const passed = made.filter((result) => result === true).length;
    return `${name} ${passed}/${made.length}${left === 0 ? "" : `, ${left} left out: only a developers' chain has them`}`;
  });
  console.log(`${client.padEnd(8)} ${parts.join("  ")}`);
  for (const [name, checks] of row) {
    for (const [check, result] of checks) {
      if (result !== true && result !== null) console.log(`    ${name}: ${check}: ${result}`);
    }
  }
}

const names = network === undefined ? Object.keys(nodes) : ["a network's node"];
console.log(`\n| client | ${names.join(" | ")} |\n|---|${names.map(() => "---|").join("")}`);
for (const [client, row] of results) {
  const cells = [...row.values()].map((all) => {
    const checks = [...all.values()].filter((result) => result !== null);
    return `${checks.filter((result) => result === true).length} of ${checks.length}`;
  });
  console.log(`| ${client} | ${cells.join(" | ")} |`);
}
const ours = [...results.values()].map((row) => [...row].filter(([name]) => name !== "anvil").map(([, checks]) => checks));
const bad = ours.flat().some((checks) => [...checks.values()].some((result) => result !== true && result !== null));
const ended = network === undefined || network.end();
process.exit(bad || !ended ? 1 : 0);
