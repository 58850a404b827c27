//! The Unix socket.

use crate::{
    client::{Ipc, request},
    probe::{config, serve},
};
use mundi_rpc_server::{ServerConfig, ServerError, TransportLimits, start};
use serde_json::json;
use std::{os::unix::fs::PermissionsExt as _, path::Path};
use tokio::io::AsyncWriteExt as _;

fn at(path: &Path) -> ServerConfig {
    ServerConfig { http: None, ws: None, ipc: Some(path.to_owned()), ..config() }
}

#[tokio::test]
async fn documents_follow_each_other_with_or_without_space() {
    let folder = tempfile::tempdir().unwrap();
    let (handle, _probe) = serve(at(&folder.path().join("mundi.ipc"))).await;
    let mut ipc = Ipc::to(&handle).await;
    let two = format!(
        "{}\n  {}",
        request(1, "test_echo", json!(["}\"{"])),
        json!([request(2, "eth_chainId", json!([]))])
    );
    let (first, second) = two.split_at(30);
    ipc.send(first).await;
    ipc.send(second).await;
    let mut answers = [ipc.next().await.unwrap(), ipc.next().await.unwrap()];
    answers.sort_by_key(serde_json::Value::is_array);
    assert_eq!(answers[0]["result"], json!(["}\"{"]));
    assert_eq!(answers[1][0]["result"], true);
    assert_eq!(ipc.call("anvil_mine", json!([])).await["result"], true, "its owner may do everything");
}

#[tokio::test]
async fn a_client_that_closes_its_side_still_gets_its_answers() {
    let folder = tempfile::tempdir().unwrap();
    let (handle, probe) = serve(at(&folder.path().join("mundi.ipc"))).await;
    let mut ipc = Ipc::to(&handle).await;
    ipc.send(&request(1, "test_wait", json!([])).to_string()).await;
    ipc.stream.shutdown().await.unwrap();
    probe.begun.acquire().await.unwrap().forget();
    probe.release.add_permits(1);
    assert_eq!(ipc.next().await.unwrap()["result"], "waited");
    assert_eq!(ipc.next().await, None);
}

#[tokio::test]
async fn subscriptions_work() {
    let folder = tempfile::tempdir().unwrap();
    let (handle, probe) = serve(at(&folder.path().join("mundi.ipc"))).await;
    let mut ipc = Ipc::to(&handle).await;
    let subscription = ipc.call("test_subscribe", json!([1])).await["result"].clone();
    assert_eq!(ipc.next().await.unwrap()["params"], json!({"subscription": subscription, "result": 0}));
    drop(ipc);
    probe.ended.acquire().await.unwrap().forget();
}

#[tokio::test]
async fn what_is_no_document_ends_the_connection_with_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let limits = TransportLimits { request_bytes: 100, ..TransportLimits::default() };
    let (handle, _probe) = serve(ServerConfig { limits, ..at(&folder.path().join("mundi.ipc")) }).await;
    for (text, code) in [("GET / HTTP/1.1\r\n", -32700), (&format!("[\"{}", "x".repeat(200)), -32007)] {
        let mut ipc = Ipc::to(&handle).await;
        ipc.send(text).await;
        assert_eq!(ipc.next().await.unwrap()["error"]["code"], code);
        assert_eq!(ipc.next().await, None);
    }
}

#[tokio::test]
async fn the_file_is_its_owners_and_goes_with_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mundi.ipc");
    let (handle, probe) = serve(at(&path)).await;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let taken = start(at(&path), crate::probe::module(&probe), Vec::new()).await;
    assert!(matches!(taken, Err(ServerError::IpcInUse(_))), "{taken:?}");
    assert!(handle.stop().await);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_socket_left_behind_is_replaced_and_a_file_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mundi.ipc");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let (handle, probe) = serve(at(&path)).await;
    assert_eq!(Ipc::to(&handle).await.call("eth_chainId", json!([])).await["result"], true);
    assert!(handle.stop().await);

    std::fs::write(&path, "precious").unwrap();
    let refused = start(at(&path), crate::probe::module(&probe), Vec::new()).await;
    assert!(matches!(refused, Err(ServerError::IpcNotASocket(_))), "{refused:?}");
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[tokio::test]
async fn a_path_that_cannot_be_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let probe = std::sync::Arc::default();
    for path in [folder.path().join("no/folder.ipc"), folder.path().join("x".repeat(200))] {
        let refused = start(at(&path), crate::probe::module(&probe), Vec::new()).await.unwrap_err();
        assert!(matches!(refused, ServerError::Ipc { .. }), "{refused:?}");
        assert!(refused.to_string().contains("folder"), "{refused}");
    }
}
