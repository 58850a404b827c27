// Hardhat 3: compiles, deploys and tests over its own provider.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ethers } from "ethers";
import { NETWORK, check, developersCheck, finish } from "./checks.mjs";

const folder = join(dirname(fileURLToPath(import.meta.url)), "hardhat");
process.chdir(folder);
let provider;
let contract;
let owner;

async function send(transaction) {
  const hash = await provider.request({ method: "eth_sendTransaction", params: [{ from: owner, ...transaction }] });
  // Blocks of a network come a few times a second when all is well, and this machine may be busy.
  for (let round = 0; round < (NETWORK ? 1000 : 200); round++) {
    const receipt = await provider.request({ method: "eth_getTransactionReceipt", params: [hash] });
    if (receipt !== null) return receipt;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`not mined within ${NETWORK ? "twenty" : "four"} seconds`);
}

await check("compile", async () => {
  execFileSync(process.execPath, ["../node_modules/hardhat/dist/src/cli.js", "compile", "--quiet"], { timeout: 25_000 });
});
await check("connect", async () => {
  const { default: hre } = await import("hardhat");
  const connection = await hre.network.connect("chain");
  provider = connection.provider;
  assert.equal(BigInt(await provider.request({ method: "eth_chainId" })), 31337n);
  [owner] = await provider.request({ method: "eth_accounts" });
});
const artifact = () => JSON.parse(readFileSync("artifacts/contracts/Counter.sol/Counter.json", "utf8"));
const abi = () => new ethers.Interface(artifact().abi);
await check("deploy", async () => {
  const receipt = await send({ data: artifact().bytecode });
  assert.equal(receipt.status, "0x1");
  contract = receipt.contractAddress;
});
await check("call, send, event", async () => {
  const receipt = await send({ to: contract, data: abi().encodeFunctionData("increase", [5n]) });
  assert(receipt.logs.some((log) => abi().parseLog(log)?.name === "Increased"));
  const data = abi().encodeFunctionData("count");
  assert.equal(BigInt(await provider.request({ method: "eth_call", params: [{ to: contract, data }, "latest"] })), 5n);
});
await check("a revert is decoded with its reason", async () => {
  const data = abi().encodeFunctionData("increase", [0n]);
  await assert.rejects(provider.request({ method: "eth_call", params: [{ from: owner, to: contract, data }, "latest"] }), /by must be positive/);
});
await developersCheck("network helpers: snapshot, time, balance, mine, impersonation", async () => {
  const id = await provider.request({ method: "evm_snapshot", params: [] });
  await provider.request({ method: "hardhat_setBalance", params: ["0x00000000000000000000000000000000000000bb", "0xde0b6b3a7640000"] });
  await provider.request({ method: "hardhat_impersonateAccount", params: ["0x00000000000000000000000000000000000000bb"] });
  const receipt = await send({ from: "0x00000000000000000000000000000000000000bb", to: owner, value: "0x1" });
  assert.equal(receipt.from, "0x00000000000000000000000000000000000000bb");
  const before = await provider.request({ method: "eth_getBlockByNumber", params: ["latest", false] });
  await provider.request({ method: "evm_increaseTime", params: [1000] });
  await provider.request({ method: "hardhat_mine", params: ["0x3", "0xa"] });
  const after = await provider.request({ method: "eth_getBlockByNumber", params: ["latest", false] });
  assert.equal(Number(after.number), Number(before.number) + 3);
  assert(Number(after.timestamp) >= Number(before.timestamp) + 1000);
  assert.equal(await provider.request({ method: "evm_revert", params: [id] }), true);
});
finish();
