#!/usr/bin/env bash
# forge: build, create, script, test, and tests on a fork of the node.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
forge=$PWD/node_modules/@foundry-rs/forge-linux-amd64/bin/forge
cast=$PWD/node_modules/@foundry-rs/cast-linux-amd64/bin/cast
key=0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80
owner=0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266
failed=0
cd contracts
export FOUNDRY_OFFLINE=true

check() {
    local name=$1 pattern=$2 output
    shift 2
    if output=$(timeout 120 "$@" 2>&1) && grep -Eq -- "$pattern" <<<"$output"; then
        echo "ok $name"
    else
        echo "not ok $name # $(tr '\n' ' ' <<<"$output" | tail -c 200)"
        failed=1
    fi
}

check "build" 'Compiler run successful|No files changed|Compiling' "$forge" build
check "test" '3 passed' "$forge" test --match-contract TokenTest
check "create" 'Deployed to: 0x' "$forge" create src/Token.sol:Token --rpc-url "$RPC_URL" --private-key $key --broadcast --constructor-args 77
check "create an NFT" 'Deployed to: 0x' "$forge" create src/Badge.sol:Badge --rpc-url "$RPC_URL" --private-key $key --broadcast
check "script, simulated" 'SIMULATION COMPLETE|Script ran successfully' "$forge" script script/Deploy.s.sol --rpc-url "$RPC_URL" --private-key $key
check "script, broadcast" 'ONCHAIN EXECUTION COMPLETE' "$forge" script script/Deploy.s.sol --rpc-url "$RPC_URL" --private-key $key --broadcast
check "script, one after another" 'ONCHAIN EXECUTION COMPLETE' "$forge" script script/Deploy.s.sol --rpc-url "$RPC_URL" --private-key $key --broadcast --slow
token=$("$forge" create src/Token.sol:Token --rpc-url "$RPC_URL" --private-key $key --broadcast --constructor-args 77 2>/dev/null | sed -n 's/^Deployed to: //p')
TOKEN=$token check "test on a fork of the node" '1 passed' "$forge" test --match-contract ForkedTest --fork-url "$RPC_URL"
check "what was deployed is there" '^77$' "$cast" call "$token" 'totalSupply()(uint256)' --rpc-url "$RPC_URL"
check "the owner has it" '^77$' "$cast" call "$token" 'balanceOf(address)(uint256)' $owner --rpc-url "$RPC_URL"
exit $failed
