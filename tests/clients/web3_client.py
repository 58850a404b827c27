"""web3.py 8."""

import asyncio
import json
import os
import subprocess
import sys

from eth_account import Account
from web3 import AsyncWeb3, Web3, WebSocketProvider
from web3.exceptions import ContractCustomError, ContractLogicError

HERE = os.path.dirname(os.path.abspath(__file__))
KEYS = [
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
]
w3 = Web3(Web3.HTTPProvider(os.environ["RPC_URL"]))
one, two = (Account.from_key(key) for key in KEYS)
failed = 0


def check(name):
    """Runs the function at once and prints `ok` or `not ok`."""

    def run(work):
        global failed
        try:
            work()
            print(f"ok {name}", flush=True)
        except Exception as error:  # a check may fail in any way
            failed += 1
            print(f"not ok {name} # {type(error).__name__}: {error}".split("\n")[0], flush=True)

    return run


def compiled(name):
    """The ABI and bytecode of a contract, as the JavaScript clients compile it."""
    program = f"import {{compile}} from './checks.mjs'; console.log(JSON.stringify(compile('{name}')))"
    node = os.environ.get("NODE", "node")
    output = subprocess.run([node, "--input-type=module", "-e", program], cwd=HERE, check=True, capture_output=True)
    return json.loads(output.stdout)


def send(account, transaction):
    filled = {
        "from": account.address,
        "nonce": w3.eth.get_transaction_count(account.address),
        "chainId": w3.eth.chain_id,
        "maxFeePerGas": 2 * w3.eth.get_block("latest")["baseFeePerGas"] + 10**9,
        "maxPriorityFeePerGas": 10**9,
        **transaction,
    }
    if "gas" not in filled:
        filled["gas"] = w3.eth.estimate_gas(filled)
    raw = account.sign_transaction(filled).raw_transaction
    return w3.eth.wait_for_transaction_receipt(w3.eth.send_raw_transaction(raw), timeout=20, poll_latency=0.05)


def call(account, function):
    filled = function.build_transaction(
        {"from": account.address, "nonce": w3.eth.get_transaction_count(account.address)}
    )
    raw = account.sign_transaction(filled).raw_transaction
    return w3.eth.wait_for_transaction_receipt(w3.eth.send_raw_transaction(raw), timeout=20, poll_latency=0.05)


def deploy(name, *arguments):
    contract = compiled(name)
    factory = w3.eth.contract(abi=contract["abi"], bytecode=contract["bytecode"])
    receipt = call(one, factory.constructor(*arguments))
    return w3.eth.contract(address=receipt["contractAddress"], abi=contract["abi"])


def developers_check(name):
    """A check of what only a developers' chain has. On a network it is left out, which is said."""
    if os.environ.get("ON_NETWORK") != "1":
        return check(name)
    print(f"skip {name}", flush=True)
    return lambda work: None


made = {}


@check("the network is known")
def _():
    assert w3.is_connected() and w3.eth.chain_id == 31337 and w3.net.version == "31337"


@check("a transfer is mined")
def _():
    before = w3.eth.get_balance(two.address)
    assert send(one, {"to": two.address, "value": 5})["status"] == 1
    assert w3.eth.get_balance(two.address) == before + 5


@developers_check("an account of the node sends")
def _():
    sent = w3.eth.send_transaction({"from": w3.eth.accounts[2], "to": two.address, "value": 5})
    assert w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.05)["status"] == 1


@check("an ERC-20 is deployed and transferred")
def _():
    made["token"] = token = deploy("Token", 1_000_000)
    receipt = call(one, token.functions.transfer(two.address, 30))
    events = token.events.Transfer().process_receipt(receipt)
    assert events[0]["args"]["value"] == 30
    assert token.functions.balanceOf(two.address).call() == 30
    assert len(token.events.Transfer().get_logs(from_block=0)) >= 2


@check("an NFT is deployed and minted")
def _():
    badge = deploy("Badge")
    call(one, badge.functions.mint(two.address))
    assert badge.functions.ownerOf(1).call() == two.address


@check("a revert is decoded with its reason")
def _():
    try:
        made["token"].functions.refuse().call()
    except ContractLogicError as error:
        assert "refused, with a reason" in str(error), error
    else:
        raise AssertionError("no error")


@check("a custom error has its data")
def _():
    try:
        made["token"].functions.burn(5000).call()
    except ContractCustomError as error:
        assert error.data.endswith(f"{1000:064x}"), error.data
    else:
        raise AssertionError("no error")


@check("a failed transaction has status 0")
def _():
    data = made["token"].encode_abi("refuse")
    receipt = send(one, {"to": made["token"].address, "data": data, "gas": 100_000})
    assert receipt["status"] == 0


@check("a traced transaction")
def _():
    receipt = call(one, made["token"].functions.transfer(two.address, 1))
    trace = w3.geth.debug.trace_transaction(receipt["transactionHash"], {"tracer": "callTracer"})
    assert trace["type"] == "CALL"
    traces = w3.tracing.trace_transaction(receipt["transactionHash"])
    assert traces[0]["type"] == "call"


@check("a proof, fee history, the pool")
def _():
    proof = w3.eth.get_proof(made["token"].address, [2])
    assert int.from_bytes(proof["storageProof"][0]["value"], "big") == 1_000_000
    assert len(w3.eth.fee_history(2, "latest", [50])["reward"]) == 2
    assert "pending" in w3.geth.txpool.status()


@check("filters that are asked")
def _():
    blocks = w3.eth.filter("latest")
    send(one, {"to": two.address, "value": 1})
    assert len(blocks.get_new_entries()) >= 1


async def stream():
    async with AsyncWeb3(WebSocketProvider(os.environ["WS_URL"])) as live:
        heads = await live.eth.subscribe("newHeads")
        logs = await live.eth.subscribe("logs", {"address": made["token"].address})
        await asyncio.to_thread(call, one, made["token"].functions.transfer(two.address, 4))
        seen = set()
        async for message in live.socket.process_subscriptions():
            seen.add(message["subscription"])
            if seen >= {heads, logs}:
                return


@check("events and blocks are streamed by WebSocket")
def _():
    asyncio.run(asyncio.wait_for(stream(), 20))


sys.exit(1 if failed else 0)
