#!/usr/bin/env bash
# cast: every path that reads, and every path that writes.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export ETH_RPC_URL=$RPC_URL
cast=node_modules/@foundry-rs/cast-linux-amd64/bin/cast
forge=node_modules/@foundry-rs/forge-linux-amd64/bin/forge
key=0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80
owner=0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266
other=0x70997970C51812dc3A010C7d01b50e0d17dc79C8
failed=0

# check NAME PATTERN COMMAND…: the command succeeds and its output matches the pattern.
check() {
    local name=$1 pattern=$2 output
    shift 2
    if output=$(timeout 30 "$@" 2>&1) && grep -Eq -- "$pattern" <<<"$output"; then
        echo "ok $name"
    else
        echo "not ok $name # $(tr '\n' ' ' <<<"$output" | cut -c1-160)"
        failed=1
    fi
}

# refuse NAME PATTERN COMMAND…: the command fails and says so.
refuse() {
    local name=$1 pattern=$2 output
    shift 2
    if output=$(timeout 30 "$@" 2>&1); then
        echo "not ok $name # it succeeded"
        failed=1
    elif grep -Eq -- "$pattern" <<<"$output"; then
        echo "ok $name"
    else
        echo "not ok $name # $(tr '\n' ' ' <<<"$output" | cut -c1-160)"
        failed=1
    fi
}

# developers NAME PATTERN COMMAND…: a check of what only a developers' chain has. On a network it is left out, which is said.
developers() {
    if [[ ${ON_NETWORK:-} == 1 ]]; then
        echo "skip $1"
    else
        check "$@"
    fi
}

# settled ADDRESS: waits until nothing of an account waits any more; it does at once where each transaction is mined when it comes.
settled() {
    local round
    for ((round = 0; round < 100; round++)); do
        [[ $($cast nonce "$1") == "$($cast nonce --block pending "$1")" ]] && return
        sleep 0.1
    done
}

# field NAME: the value of a field of JSON on standard input.
field() { sed -En "s/.*\"$1\": *\"(0x[0-9a-fA-F]+)\".*/\1/p" | head -n 1; }

deployed=$(cd contracts && FOUNDRY_OFFLINE=true "../$forge" create src/Token.sol:Token --rpc-url "$RPC_URL" --private-key $key --broadcast --json \
    --constructor-args 1000000 2>/dev/null | field deployedTo)

check "chain-id" '^31337$' $cast chain-id
check "client" . $cast client
check "block-number" '^[0-9]+$' $cast block-number
check "gas-price" '^[0-9]+$' $cast gas-price
check "base-fee" '^[0-9]+$' $cast base-fee
check "balance" '^[0-9]+$' $cast balance $owner
check "balance --ether" '^[0-9.]+$' $cast balance --ether $owner
check "nonce" '^[0-9]+$' $cast nonce $owner
check "age" . $cast age latest
check "block" 'transactionsRoot' $cast block latest
check "block --full" 'stateRoot' $cast block latest --full
check "code" '^0x[0-9a-f]{100}' $cast code "$deployed"
check "codesize" '^[0-9]+$' $cast codesize "$deployed"
check "codehash" '^0x[0-9a-f]{64}$' $cast codehash "$deployed"
check "storage" '^0x0*f4240$' $cast storage "$deployed" 2
check "storage-root" '^0x[0-9a-f]{64}$' $cast storage-root "$deployed"
check "proof" 'storageProof' $cast proof "$deployed" 0x0000000000000000000000000000000000000000000000000000000000000002
check "call" '^TOK$' bash -c "$cast call $deployed 'symbol()(string)' | tr -d '\"'"
check "call --trace" 'symbol|Traces' $cast call "$deployed" 'symbol()(string)' --trace
refuse "call that reverts" 'refused, with a reason' $cast call "$deployed" 'refuse()'
check "estimate" '^[0-9]+$' $cast estimate --from $owner "$deployed" 'transfer(address,uint256)' $other 5
refuse "estimate of what reverts" 'TooMuch|revert' $cast estimate "$deployed" 'burn(uint256)' 5000
check "access-list" 'gas used|storage' $cast access-list --from $owner "$deployed" 'transfer(address,uint256)' $other 5
check "send" 'status +1' $cast send $other --value 1 --private-key $key
check "send to a contract" 'status +1' $cast send "$deployed" 'transfer(address,uint256)' $other 9 --private-key $key
check "send --legacy" 'status +1' $cast send $other --value 1 --private-key $key --legacy
developers "send --unlocked" 'status +1' $cast send $other --value 1 --unlocked --from 0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC
check "send --async" '^0x[0-9a-f]{64}$' $cast send $other --value 1 --private-key $key --async
settled $owner
check "mktx and publish" 'transactionHash' bash -c "$cast publish \$($cast mktx $other --value 1 --private-key $key)"
settled $owner
hash=$($cast send "$deployed" 'transfer(address,uint256)' $other 9 --private-key $key --json | field transactionHash)
check "tx" 'blockHash' $cast tx "$hash"
check "receipt" 'logsBloom' $cast receipt "$hash"
check "logs" 'transactionHash' $cast logs --from-block 0 --address "$deployed" 'Transfer(address,address,uint256)'
check "run (a transaction again, traced)" 'transfer|Transaction successfully executed' $cast run "$hash"
check "rpc" '^"0x7a69"$' $cast rpc eth_chainId
check "rpc debug_traceTransaction" 'gasUsed' $cast rpc debug_traceTransaction "$hash" '{"tracer":"callTracer"}'
check "rpc trace_transaction" 'traceAddress' $cast rpc trace_transaction "$hash"
developers "rpc anvil_mine" 'null' $cast rpc anvil_mine 3
developers "rpc evm_snapshot" '0x' $cast rpc evm_snapshot
check "find-block" '^[0-9]+$' $cast find-block 1
check "tx-pool status" 'pending' $cast tx-pool status
check "estimate of a creation" '^[0-9]+$' $cast estimate --create 0x6000600055
check "wallet sign and verify" '^0x[0-9a-f]{130}$' $cast wallet sign --private-key $key hello
exit $failed
