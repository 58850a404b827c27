// What all JavaScript clients share: named checks that print one line each, and compiled contracts.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const here = dirname(fileURLToPath(import.meta.url));

export const HTTP = process.env.RPC_URL;
export const WS = process.env.WS_URL;
// The first two of the well-known development keys.
export const KEYS = [
  "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
  "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
];

// Whether the node is one of a network of validators. Such a node is what real users get: nobody steers its chain, and it holds
// nobody's keys.
export const NETWORK = process.env.ON_NETWORK === "1";

let failed = 0;

/** Runs a check and prints `ok` or `not ok`; a check may take at most half a minute. */
export async function check(name, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("no answer within 30 s")), 30_000);
  });
  try {
    await Promise.race([work(), late]);
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    const reason = String(error.shortMessage ?? error.message ?? error).split("\n")[0];
    console.log(`not ok ${name} # ${reason}`);
  } finally {
    clearTimeout(timer);
  }
}

/** A check of what only a developers' chain has. On a network it is left out, which is said. */
export async function developersCheck(name, work) {
  if (NETWORK) console.log(`skip ${name}`);
  else await check(name, work);
}

export function finish() {
  process.exit(failed === 0 ? 0 : 1);
}

/** Compiles a contract of `contracts/src` to its ABI and bytecode. */
export function compile(name) {
  const file = `src/${name}.sol`;
  const read = (path) => {
    for (const root of [join(here, "contracts"), join(here, "node_modules")]) {
      try {
        return { contents: readFileSync(join(root, path), "utf8") };
      } catch {
        // The next root may have it.
      }
    }
    return { error: `there is no ${path}` };
  };
  const input = {
    language: "Solidity",
    sources: { [file]: read(file).contents ? { content: read(file).contents } : {} },
    settings: {
      evmVersion: "prague",
      optimizer: { enabled: true },
      outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
    },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: read }));
  const errors = (output.errors ?? []).filter((error) => error.severity === "error");
  if (errors.length > 0) throw new Error(errors[0].formattedMessage);
  const contract = output.contracts[file][name];
  return { abi: contract.abi, bytecode: `0x${contract.evm.bytecode.object}` };
}
