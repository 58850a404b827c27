// ethers 6.
import assert from "node:assert/strict";
import { ethers } from "ethers";
import { HTTP, KEYS, WS, check, compile, developersCheck, finish } from "./checks.mjs";

const provider = new ethers.JsonRpcProvider(HTTP, undefined, { pollingInterval: 50, cacheTimeout: -1 });
const signer = new ethers.NonceManager(new ethers.Wallet(KEYS[0], provider));
const other = new ethers.Wallet(KEYS[1], provider);
const token = compile("Token");
const badge = compile("Badge");
let erc20;
let erc721;

await check("the network is known", async () => {
  assert.equal((await provider.getNetwork()).chainId, 31337n);
});
await check("fee data", async () => {
  const fees = await provider.getFeeData();
  assert(fees.maxFeePerGas > 0n && fees.maxPriorityFeePerGas >= 0n);
});
await developersCheck("accounts of the node sign and send", async () => {
  const [first] = await provider.listAccounts();
  const sent = await first.sendTransaction({ to: other.address, value: 5n });
  assert.equal((await sent.wait()).status, 1);
  const signature = await first.signMessage("hello");
  assert.equal(ethers.verifyMessage("hello", signature), first.address);
});
await check("a transfer is mined and changes balances", async () => {
  const to = ethers.Wallet.createRandom().address;
  const receipt = await (await signer.sendTransaction({ to, value: ethers.parseEther("1") })).wait();
  assert.equal(receipt.status, 1);
  assert.equal(await provider.getBalance(to), ethers.parseEther("1"));
  assert.equal(await provider.getBalance(to, receipt.blockNumber - 1), 0n);
});
await check("legacy and access-list transactions", async () => {
  for (const type of [0, 1]) {
    const receipt = await (await signer.sendTransaction({ to: other.address, value: 1n, type })).wait();
    assert.equal(receipt.type, type);
  }
});
await check("an ERC-20 is deployed", async () => {
  erc20 = await new ethers.ContractFactory(token.abi, token.bytecode, signer).deploy(1_000_000n);
  await erc20.waitForDeployment();
  assert.equal(await erc20.symbol(), "TOK");
});
await check("an ERC-20 is transferred, with its event in receipt and logs", async () => {
  const receipt = await (await erc20.transfer(other.address, 70n)).wait();
  const parsed = receipt.logs.map((log) => erc20.interface.parseLog(log));
  assert.equal(parsed[0].args.value, 70n);
  const found = await erc20.queryFilter(erc20.filters.Transfer(null, other.address), 0, "latest");
  assert.equal(found.at(-1).transactionHash, receipt.hash);
  assert.equal(await erc20.balanceOf(other.address), 70n);
});
await check("an allowance is used", async () => {
  await (await erc20.approve(other.address, 30n)).wait();
  await (await erc20.connect(other).transferFrom(await signer.getAddress(), other.address, 30n)).wait();
  assert.equal(await erc20.balanceOf(other.address), 100n);
});
await check("an NFT is deployed and minted", async () => {
  erc721 = await new ethers.ContractFactory(badge.abi, badge.bytecode, signer).deploy();
  await erc721.waitForDeployment();
  await (await erc721.mint(other.address)).wait();
  assert.equal(await erc721.ownerOf(1n), other.address);
});
await check("a revert is decoded with its reason", async () => {
  await assert.rejects(erc20.refuse.staticCall(), (error) => error.reason === "refused, with a reason");
});
await check("a custom error is decoded with its arguments", async () => {
  await assert.rejects(erc20.burn.staticCall(5000n), (error) => {
    return error.revert?.name === "TooMuch" && error.revert.args[0] === 5000n;
  });
  await assert.rejects(erc20.burn.estimateGas(5000n), (error) => error.code === "CALL_EXCEPTION");
});
await check("a failed transaction has a receipt with status 0", async () => {
  const sent = await signer.sendTransaction({
    to: await erc20.getAddress(),
    data: erc20.interface.encodeFunctionData("refuse"),
    gasLimit: 100_000n,
  });
  await assert.rejects(sent.wait(), (error) => error.receipt?.status === 0);
});
await check("blocks with transactions", async () => {
  const block = await provider.getBlock("latest", true);
  assert.equal(block.prefetchedTransactions.length, block.transactions.length);
  assert.equal((await provider.getBlock(block.hash)).number, block.number);
});
await check("storage, code and nonce", async () => {
  const address = await erc20.getAddress();
  assert.notEqual(await provider.getCode(address), "0x");
  assert.equal(BigInt(await provider.getStorage(address, 2)), 1_000_000n);
  assert((await provider.getTransactionCount(await signer.getAddress())) > 0);
});
await check("a traced transaction", async () => {
  const receipt = await (await erc20.transfer(other.address, 1n)).wait();
  const trace = await provider.send("debug_traceTransaction", [receipt.hash, { tracer: "callTracer" }]);
  assert.equal(trace.to, (await erc20.getAddress()).toLowerCase());
  const steps = await provider.send("debug_traceTransaction", [receipt.hash, {}]);
  assert(steps.structLogs.length > 100);
});
await developersCheck("typed data is signed by the node", async () => {
  const [first] = await provider.listAccounts();
  const domain = { name: "Mundi", chainId: 31337 };
  const types = { Greeting: [{ name: "text", type: "string" }] };
  const signature = await first.signTypedData(domain, types, { text: "hello" });
  assert.equal(ethers.verifyTypedData(domain, types, { text: "hello" }, signature), first.address);
});
await check("events and blocks are streamed by WebSocket", async () => {
  const stream = new ethers.WebSocketProvider(WS);
  try {
    const live = new ethers.Contract(await erc20.getAddress(), token.abi, stream);
    const event = new Promise((resolve) => live.once("Transfer", (_from, _to, value) => resolve(value)));
    const block = new Promise((resolve) => stream.once("block", resolve));
    await stream.getBlockNumber();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await (await erc20.transfer(other.address, 3n)).wait();
    assert.equal(await event, 3n);
    assert((await block) > 0);
  } finally {
    await stream.destroy();
  }
});
await check("many transactions at once", async () => {
  const sent = await Promise.all(Array.from({ length: 50 }, () => signer.sendTransaction({ to: other.address, value: 1n })));
  const receipts = await Promise.all(sent.map((transaction) => transaction.wait()));
  assert(receipts.every((receipt) => receipt.status === 1));
});
provider.destroy();
finish();
