// viem 2, with its test client.
import assert from "node:assert/strict";
import {
  BaseError,
  ContractFunctionRevertedError,
  createPublicClient,
  createTestClient,
  createWalletClient,
  http,
  parseEther,
  publicActions,
  walletActions,
  webSocket,
} from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { anvil } from "viem/chains";
import { HTTP, KEYS, NETWORK, WS, check, compile, developersCheck, finish } from "./checks.mjs";

const chain = anvil;
const options = { chain, transport: http(HTTP), pollingInterval: 50, cacheTime: 0 };
const reader = createPublicClient(options);
const account = privateKeyToAccount(KEYS[0]);
const other = privateKeyToAccount(KEYS[1]);
const wallet = createWalletClient({ ...options, account });
const test = createTestClient({ ...options, mode: "anvil" }).extend(publicActions).extend(walletActions);
const token = compile("Token");
const badge = compile("Badge");
let erc20;
let erc721;
const mined = (hash) => reader.waitForTransactionReceipt({ hash });

await check("the network is known", async () => {
  assert.equal(await reader.getChainId(), 31337);
});
await check("a transfer is mined", async () => {
  const hash = await wallet.sendTransaction({ to: other.address, value: parseEther("1") });
  assert.equal((await mined(hash)).status, "success");
});
await check("one call sends and returns the receipt", async () => {
  const request = await wallet.prepareTransactionRequest({ to: other.address, value: 1n });
  const serializedTransaction = await wallet.signTransaction(request);
  const receipt = await wallet.sendRawTransactionSync({ serializedTransaction });
  assert.equal(receipt.status, "success");
});
await check("an ERC-20 is deployed and transferred", async () => {
  const hash = await wallet.deployContract({ ...token, args: [1_000_000n] });
  erc20 = { address: (await mined(hash)).contractAddress, abi: token.abi };
  const { request, result } = await reader.simulateContract({
    ...erc20, functionName: "transfer", args: [other.address, 40n], account,
  });
  assert.equal(result, true);
  await mined(await wallet.writeContract(request));
  assert.equal(await reader.readContract({ ...erc20, functionName: "balanceOf", args: [other.address] }), 40n);
});
await check("an NFT is deployed and minted", async () => {
  const hash = await wallet.deployContract({ ...badge });
  erc721 = { address: (await mined(hash)).contractAddress, abi: badge.abi };
  await mined(await wallet.writeContract({ ...erc721, functionName: "mint", args: [other.address] }));
  assert.equal(await reader.readContract({ ...erc721, functionName: "ownerOf", args: [1n] }), other.address);
});
await check("a revert is decoded with its reason", async () => {
  await assert.rejects(reader.simulateContract({ ...erc20, functionName: "refuse", account }), (error) => {
    const cause = error instanceof BaseError && error.walk((e) => e instanceof ContractFunctionRevertedError);
    return cause.reason === "refused, with a reason";
  });
  await assert.rejects(reader.simulateContract({ ...erc20, functionName: "burn", args: [5000n], account }), (error) => {
    const cause = error.walk((e) => e instanceof ContractFunctionRevertedError);
    return cause.data.errorName === "TooMuch" && cause.data.args[0] === 5000n;
  });
});
await check("events are found and streamed by WebSocket", async () => {
  const found = await reader.getContractEvents({ ...erc20, eventName: "Transfer", fromBlock: 0n });
  assert(found.length >= 2);
  const stream = createPublicClient({ chain, transport: webSocket(WS) });
  const event = new Promise((resolve, reject) => {
    stream.watchContractEvent({ ...erc20, eventName: "Transfer", onLogs: (logs) => resolve(logs[0]), onError: reject });
  });
  const block = new Promise((resolve, reject) => {
    stream.watchBlocks({ onBlock: resolve, onError: reject });
  });
  await stream.getBlockNumber();
  await new Promise((resolve) => setTimeout(resolve, 300));
  await mined(await wallet.writeContract({ ...erc20, functionName: "transfer", args: [other.address, 2n] }));
  assert.equal((await event).args.value, 2n);
  assert((await block).number > 0n);
  await (await stream.transport.getRpcClient()).close();
});
await check("filters that are asked", async () => {
  const filter = await reader.createBlockFilter();
  await mined(await wallet.sendTransaction({ to: other.address, value: 1n }));
  assert((await reader.getFilterChanges({ filter })).length >= 1);
  assert.equal(await reader.uninstallFilter({ filter }), true);
});
await check("a proof, an access list, fee history", async () => {
  const proof = await reader.getProof({ address: erc20.address, storageKeys: [`0x${"0".repeat(63)}2`] });
  assert.equal(proof.storageProof[0].value, 1_000_000n);
  const list = await reader.createAccessList({ account, to: other.address, value: 1n });
  assert(list.gasUsed >= 21_000n);
  const history = await reader.getFeeHistory({ blockCount: 3, rewardPercentiles: [25, 75] });
  assert.equal(history.reward.length, 3);
});
await check("calls and blocks are simulated", async () => {
  const { results } = await reader.simulateCalls({
    account: account.address,
    calls: [{ to: other.address, value: 1n }, { ...erc20, to: erc20.address, functionName: "transfer", args: [other.address, 1n] }],
  });
  assert(results.every((result) => result.status === "success"));
  const blocks = await reader.simulateBlocks({ blocks: [{ calls: [{ from: account.address, to: other.address, value: 1n }] }] });
  assert.equal(blocks[0].calls[0].status, "success");
});
await check("state overrides", async () => {
  const poor = privateKeyToAccount(generatePrivateKey());
  await reader.call({ account: poor, to: other.address, value: 5n, stateOverride: [{ address: poor.address, balance: 10n ** 20n }] });
});
await check("a delegated account (EIP-7702)", async () => {
  const owner = privateKeyToAccount(generatePrivateKey());
  if (NETWORK) await mined(await wallet.sendTransaction({ to: owner.address, value: parseEther("10") }));
  else await test.setBalance({ address: owner.address, value: parseEther("10") });
  const client = createWalletClient({ ...options, account: owner });
  const authorization = await client.signAuthorization({ contractAddress: erc721.address, executor: "self" });
  await mined(await client.sendTransaction({ authorizationList: [authorization], to: other.address }));
  const code = await reader.getCode({ address: owner.address });
  assert.equal(code, `0xef0100${erc721.address.slice(2).toLowerCase()}`);
});
await developersCheck("a snapshot is taken and gone back to", async () => {
  const before = await test.getBalance({ address: other.address });
  const id = await test.snapshot();
  await mined(await wallet.sendTransaction({ to: other.address, value: 1000n }));
  await test.revert({ id });
  assert.equal(await test.getBalance({ address: other.address }), before);
});
await developersCheck("blocks are mined on command", async () => {
  const before = await test.getBlockNumber();
  await test.mine({ blocks: 5 });
  assert.equal(await test.getBlockNumber(), before + 5n);
});
await developersCheck("time is moved", async () => {
  const before = (await test.getBlock()).timestamp;
  await test.increaseTime({ seconds: 3600 });
  await test.mine({ blocks: 1 });
  assert((await test.getBlock()).timestamp >= before + 3600n);
  const at = (await test.getBlock()).timestamp + 1000n;
  await test.setNextBlockTimestamp({ timestamp: at });
  await test.mine({ blocks: 1 });
  assert.equal((await test.getBlock()).timestamp, at);
});
await developersCheck("state is edited", async () => {
  const address = privateKeyToAccount(generatePrivateKey()).address;
  await test.setBalance({ address, value: 7n });
  await test.setNonce({ address, nonce: 9 });
  await test.setCode({ address, bytecode: "0x60ff60005260206000f3" });
  await test.setStorageAt({ address, index: 3, value: `0x${"0".repeat(62)}2a` });
  assert.equal(await test.getBalance({ address }), 7n);
  assert.equal(await test.getTransactionCount({ address }), 9);
  assert.equal(BigInt((await test.call({ to: address })).data), 255n);
  assert.equal(BigInt(await test.getStorageAt({ address, slot: "0x3" })), 42n);
});
await developersCheck("an account is impersonated", async () => {
  const address = "0x000000000000000000000000000000000000aaaa";
  await test.setBalance({ address, value: parseEther("1") });
  await test.impersonateAccount({ address });
  const receipt = await mined(await test.sendTransaction({ account: address, to: other.address, value: 1n }));
  assert.equal(receipt.from, address);
  await test.stopImpersonatingAccount({ address });
});
await developersCheck("mining is switched off and on", async () => {
  await test.setAutomine(false);
  const hash = await wallet.sendTransaction({ to: other.address, value: 1n });
  const status = await test.getTxpoolStatus();
  assert.equal(status.pending, 1);
  const content = await test.getTxpoolContent();
  assert.equal(Object.keys(content.pending).length, 1);
  await test.dropTransaction({ hash });
  assert.equal((await test.getTxpoolStatus()).pending, 0);
  await test.setAutomine(true);
  await mined(await wallet.sendTransaction({ to: other.address, value: 1n }));
});
await developersCheck("state is dumped and loaded", async () => {
  const state = await test.dumpState();
  await test.loadState({ state });
});
finish();
