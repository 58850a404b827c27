//! What the way through the server costs: batches of raw transactions over keep-alive connections, to a submitter that does
//! nothing.
//!
//! ```sh
//! cargo run --release -p mundi-rpc-server --example batch_rate -- [SECONDS] [BATCH] [CONNECTIONS]
//! ```

use alloy_primitives::{B256, Bytes};
use jsonrpsee::{RpcModule, types::ErrorObjectOwned};
use mundi_rpc_server::{ServerConfig, start};
use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

/// Bytes of a signed transfer.
const TRANSFER: usize = 112;

fn main() {
    let mut arguments =
        std::env::args().skip(1).map(|text| text.parse::<usize>().expect("arguments are numbers"));
    let seconds = arguments.next().unwrap_or(5);
    let batch = arguments.next().unwrap_or(100);
    let connections = arguments.next().unwrap_or(4);

    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
    let mut module = RpcModule::new(());
    module
        .register_method::<Result<B256, ErrorObjectOwned>, _>("eth_sendRawTransaction", |_, (), _| {
            Ok(B256::ZERO)
        })
        .expect("the name is free");
    let any = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let config = ServerConfig {
        http: any,
        ws: None,
        submit: Some(Arc::new(|raws| Box::pin(async move { raws.iter().map(|_| Ok(B256::ZERO)).collect() }))),
        ..ServerConfig::default()
    };
    let handle = runtime.block_on(start(config, module, Vec::new())).expect("the server starts");
    let address = handle.http_addr().expect("HTTP is served");

    let end = Instant::now() + Duration::from_secs(seconds as u64);
    let clients: Vec<_> =
        (0..connections).map(|_| std::thread::spawn(move || ask(address, batch, end))).collect();
    let calls: usize = clients.into_iter().map(|client| client.join().expect("a client ends")).sum();
    let rate = calls as f64 / seconds as f64;
    println!(
        "{rate:.0} calls/s in batches of {batch} over {connections} connections: {:.2} µs each",
        1e6 / rate
    );
}

/// Posts batches one after another; returns how many calls were answered.
fn ask(address: SocketAddr, batch: usize, end: Instant) -> usize {
    let raw = Bytes::from(vec![0x5a; TRANSFER]);
    let calls: Vec<_> = (0..batch)
        .map(|id| {
            format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"eth_sendRawTransaction","params":["{raw}"]}}"#)
        })
        .collect();
    let body = format!("[{}]", calls.join(","));
    let request = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).expect("the server listens");
    let mut answer = Vec::new();
    let mut chunk = [0; 64 << 10];
    let mut answered = 0;
    while Instant::now() < end {
        stream.write_all(request.as_bytes()).expect("the server reads");
        answer.clear();
        while !answer.ends_with(b"\"}]") {
            let length = stream.read(&mut chunk).expect("the server answers");
            assert!(length > 0, "the server closed");
            answer.extend_from_slice(&chunk[..length]);
        }
        answered += batch;
    }
    answered
}
