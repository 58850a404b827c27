//! alloy 2 against a fresh chain: prints a line for each check, as the other clients do.

use alloy::{
    hex,
    network::TransactionBuilder,
    primitives::{Address, Bytes, U256},
    providers::{DynProvider, Provider, ProviderBuilder, WsConnect, ext::{AnvilApi, DebugApi, TraceApi}},
    rpc::types::{TransactionRequest, trace::geth::GethDebugTracingOptions},
    signers::local::PrivateKeySigner,
    sol,
};
use eyre::{OptionExt as _, Result, ensure};
use futures::StreamExt as _;
use std::{future::Future, process::Command, time::Duration};

sol! {
    #[sol(rpc)]
    contract Token {
        event Transfer(address indexed from, address indexed to, uint256 value);
        error TooMuch(uint256 asked, uint256 most);
        function balanceOf(address owner) external view returns (uint256);
        function transfer(address to, uint256 amount) external returns (bool);
        function burn(uint256 amount) external;
        function refuse() external pure;
    }

    #[sol(rpc)]
    contract Badge {
        function mint(address to) external returns (uint256 id);
        function ownerOf(uint256 id) external view returns (address);
    }
}

const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const OTHER: Address = alloy::primitives::address!("70997970C51812dc3A010C7d01b50e0d17dc79C8");

/// The bytecode of a contract, as the JavaScript clients compile it.
fn bytecode(name: &str) -> Result<Vec<u8>> {
    let program = format!("import {{compile}} from './checks.mjs'; console.log(compile('{name}').bytecode)");
    let node = std::env::var("NODE").unwrap_or_else(|_| "node".into());
    let output = Command::new(node).args(["--input-type=module", "-e", &program]).output()?;
    Ok(hex::decode(String::from_utf8(output.stdout)?.trim())?)
}

async fn check(failed: &mut bool, name: &str, work: impl Future<Output = Result<()>>) {
    let result = tokio::time::timeout(Duration::from_secs(30), work).await;
    match result.unwrap_or_else(|_| Err(eyre::eyre!("no answer within 30 s"))) {
        Ok(()) => println!("ok {name}"),
        Err(error) => {
            *failed = true;
            println!("not ok {name} # {}", error.to_string().lines().next().unwrap_or_default());
        }
    }
}

async fn deploy(provider: &DynProvider, name: &str, arguments: &[u8]) -> Result<Address> {
    let mut code = bytecode(name)?;
    code.extend(arguments);
    let request = TransactionRequest::default().with_deploy_code(Bytes::from(code));
    let receipt = provider.send_transaction(request).await?.get_receipt().await?;
    ensure!(receipt.status(), "the creation failed");
    receipt.contract_address.ok_or_eyre("no address")
}

#[tokio::main]
async fn main() -> Result<()> {
    let (url, ws) = (std::env::var("RPC_URL")?, std::env::var("WS_URL")?);
    let signer: PrivateKeySigner = KEY.parse()?;
    let owner = signer.address();
    let provider = ProviderBuilder::new().wallet(signer).connect_http(url.parse()?);
    provider.client().set_poll_interval(Duration::from_millis(50));
    let provider = provider.erased();
    let mut failed = false;
    let failed = &mut failed;

    check(failed, "a transfer is mined", async {
        let before = provider.get_balance(OTHER).await?;
        let request = TransactionRequest::default().with_to(OTHER).with_value(U256::from(5));
        let receipt = provider.send_transaction(request).await?.get_receipt().await?;
        ensure!(receipt.status() && provider.get_balance(OTHER).await? == before + U256::from(5));
        Ok(())
    })
    .await;
    check(failed, "one call sends and returns the receipt", async {
        let request = TransactionRequest::default().with_to(OTHER).with_value(U256::from(5));
        let receipt = provider.send_transaction_sync(request).await?;
        ensure!(receipt.status());
        Ok(())
    })
    .await;
    let token = deploy(&provider, "Token", &U256::from(1_000_000).to_be_bytes::<32>()).await;
    let token = Token::new(token.as_ref().copied().unwrap_or_default(), &provider);
    check(failed, "an ERC-20 is deployed and transferred", async {
        let receipt = token.transfer(OTHER, U256::from(30)).send().await?.get_receipt().await?;
        let event = receipt.decoded_log::<Token::Transfer>().ok_or_eyre("no event")?;
        ensure!(event.value == U256::from(30));
        ensure!(token.balanceOf(OTHER).call().await? == U256::from(30));
        ensure!(token.Transfer_filter().from_block(0).query().await?.len() >= 2);
        Ok(())
    })
    .await;
    check(failed, "an NFT is deployed and minted", async {
        let badge = Badge::new(deploy(&provider, "Badge", &[]).await?, &provider);
        ensure!(badge.mint(OTHER).send().await?.get_receipt().await?.status());
        ensure!(badge.ownerOf(U256::from(1)).call().await? == OTHER);
        Ok(())
    })
    .await;
    check(failed, "a revert is decoded with its reason", async {
        let error = token.refuse().call().await.err().ok_or_eyre("no error")?;
        ensure!(error.to_string().contains("refused, with a reason"), "{error}");
        let error = token.burn(U256::from(5000)).call().await.err().ok_or_eyre("no error")?;
        let decoded = error.as_decoded_error::<Token::TooMuch>().ok_or_eyre("not decoded")?;
        ensure!(decoded.asked == U256::from(5000) && decoded.most == U256::from(1000));
        Ok(())
    })
    .await;
    check(failed, "a traced transaction", async {
        let receipt = token.transfer(OTHER, U256::from(1)).send().await?.get_receipt().await?;
        let hash = receipt.transaction_hash;
        let traces = provider.trace_transaction(hash).await?;
        ensure!(!traces.is_empty());
        let tracer = alloy::rpc::types::trace::geth::GethDebugBuiltInTracerType::CallTracer;
        let options = GethDebugTracingOptions::default().with_tracer(tracer.into());
        provider.debug_trace_transaction(hash, options).await?.try_into_call_frame()?;
        Ok(())
    })
    .await;
    check(failed, "a proof and fee history", async {
        let proof = provider.get_proof(*token.address(), vec![U256::from(2).into()]).await?;
        ensure!(proof.storage_proof[0].value == U256::from(1_000_000));
        ensure!(provider.get_fee_history(2, Default::default(), &[50.0]).await?.reward.is_some());
        Ok(())
    })
    .await;
    check(failed, "events and blocks are streamed by WebSocket", async {
        let live = ProviderBuilder::new().connect_ws(WsConnect::new(ws)).await?;
        let mut heads = live.subscribe_blocks().await?.into_stream();
        let mut logs = live
            .subscribe_logs(&alloy::rpc::types::Filter::new().address(*token.address()))
            .await?
            .into_stream();
        token.transfer(OTHER, U256::from(4)).send().await?.get_receipt().await?;
        let log = logs.next().await.ok_or_eyre("the stream ended")?;
        ensure!(log.log_decode::<Token::Transfer>()?.inner.value == U256::from(4));
        ensure!(heads.next().await.is_some());
        Ok(())
    })
    .await;
    let name = "the developer's interface";
    if std::env::var("ON_NETWORK").is_ok_and(|value| value == "1") {
        // Only a developers' chain has it.
        println!("skip {name}");
        std::process::exit(i32::from(*failed));
    }
    check(failed, name, async {
        let id = provider.anvil_snapshot().await?;
        let address = Address::repeat_byte(0x77);
        provider.anvil_set_balance(address, U256::from(9)).await?;
        ensure!(provider.get_balance(address).await? == U256::from(9));
        provider.anvil_impersonate_account(address).await?;
        provider.anvil_set_balance(address, U256::from(10u64.pow(18))).await?;
        let request = TransactionRequest::default().with_from(address).with_to(owner).with_value(U256::from(1));
        let sent: alloy::primitives::B256 = provider.raw_request("eth_sendTransaction".into(), (request,)).await?;
        let mut receipt = None;
        for _ in 0..100 {
            receipt = provider.get_transaction_receipt(sent).await?;
            if receipt.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        ensure!(receipt.ok_or_eyre("not mined")?.from == address);
        provider.anvil_mine(Some(3), None).await?;
        ensure!(provider.anvil_revert(id).await?);
        ensure!(provider.get_balance(address).await? == U256::ZERO);
        Ok(())
    })
    .await;
    std::process::exit(i32::from(*failed));
}
