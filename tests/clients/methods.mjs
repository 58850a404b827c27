// Which JSON-RPC methods there are: one harmless call each. A method is there if the answer is anything but "no such method".
import { HTTP, check, developersCheck, finish } from "./checks.mjs";

const METHODS = `
eth_accounts eth_baseFee eth_blobBaseFee eth_blockNumber eth_call eth_callMany eth_capabilities eth_chainId eth_coinbase eth_config
eth_createAccessList eth_estimateGas eth_feeHistory eth_fillTransaction eth_gasPrice eth_getAccount eth_getAccountInfo eth_getBalance
eth_getBlockAccessList eth_getBlockByHash eth_getBlockByNumber eth_getBlockReceipts eth_getBlockTransactionCountByHash
eth_getBlockTransactionCountByNumber eth_getCode eth_getFilterChanges eth_getFilterLogs eth_getHeaderByHash eth_getHeaderByNumber
eth_getLogs eth_getProof eth_getRawTransactionByHash eth_getStorageAt eth_getStorageValues eth_getTransactionByBlockHashAndIndex
eth_getTransactionByBlockNumberAndIndex eth_getTransactionByHash eth_getTransactionCount eth_getTransactionReceipt
eth_getUncleByBlockHashAndIndex eth_getUncleCountByBlockNumber eth_maxPriorityFeePerGas eth_newBlockFilter eth_newFilter
eth_newPendingTransactionFilter eth_sendRawTransaction eth_sendRawTransactionSync eth_sendTransaction eth_sign eth_signTransaction
eth_signTypedData_v4 eth_simulateV1 eth_syncing eth_uninstallFilter
debug_getBadBlocks debug_getRawBlock debug_getRawHeader debug_getRawReceipts debug_getRawTransaction debug_traceBlockByHash
debug_traceBlockByNumber debug_traceCall debug_traceTransaction
trace_block trace_call trace_callMany trace_filter trace_get trace_rawTransaction trace_replayBlockTransactions
trace_replayTransaction trace_transaction
txpool_content txpool_contentFrom txpool_inspect txpool_status
net_listening net_peerCount net_version web3_clientVersion web3_sha3 rpc_modules rpc_discover testing_buildBlockV1
ots_getApiLevel ots_getBlockDetails ots_getBlockDetailsByHash ots_getBlockTransactions ots_getContractCreator
ots_getInternalOperations ots_getTransactionBySenderAndNonce ots_getTransactionError ots_hasCode ots_searchTransactionsAfter
ots_searchTransactionsBefore ots_traceTransaction erigon_getHeaderByNumber
anvil_addBalance anvil_autoImpersonateAccount anvil_dealERC20 anvil_dropAllTransactions anvil_dropTransaction anvil_dumpState
anvil_getAutomine anvil_getIntervalMining anvil_impersonateAccount anvil_increaseTime anvil_loadState anvil_metadata anvil_mine
anvil_nodeInfo anvil_removeBlockTimestampInterval anvil_removePoolTransactions anvil_reorg anvil_rollback
anvil_setBalance anvil_setBlockTimestampInterval anvil_setCode anvil_setCoinbase anvil_setERC20Allowance
anvil_setLoggingEnabled anvil_setMinGasPrice anvil_setNextBlockBaseFeePerGas anvil_setNonce anvil_setRpcUrl
anvil_setStorageAt anvil_setTime anvil_stopImpersonatingAccount
evm_increaseTime evm_mine evm_revert evm_setAccountNonce evm_setAutomine evm_setBlockGasLimit evm_setIntervalMining
evm_setNextBlockTimestamp evm_setTime evm_snapshot
hardhat_dropTransaction hardhat_getAutomine hardhat_impersonateAccount hardhat_metadata hardhat_mine hardhat_setBalance
hardhat_setCode hardhat_setCoinbase hardhat_setLoggingEnabled hardhat_setMinGasPrice hardhat_setNextBlockBaseFeePerGas
hardhat_setNonce hardhat_setPrevRandao hardhat_setStorageAt hardhat_stopImpersonatingAccount
`.trim().split(/\s+/);

for (const method of METHODS) {
  const checkMethod = /^(anvil|evm|hardhat)_/.test(method) ? developersCheck : check;
  await checkMethod(method, async () => {
    // A parameter that no method takes: nothing happens, but a method that is there says so.
    const answer = await fetch(HTTP, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: [{ nothing: [] }, { nothing: [] }, { nothing: [] }] }),
    });
    const { error } = await answer.json();
    if (error?.code === -32601 || /not found|not available|unknown variant/i.test(error?.message ?? "")) {
      throw new Error(error.message);
    }
  });
}
finish();
