//! Servers that do not start.

use crate::probe::{config, module, serve};
use mundi_rpc_server::{AdminConfig, JwtSecret, MethodFilter, ServerConfig, start};
use std::{net::SocketAddr, sync::Arc};

#[tokio::test]
async fn errors_say_what_to_do() {
    let (running, probe) = serve(config()).await;
    let taken = running.http_addr().unwrap();
    for (address, words) in [
        (taken, format!("port {} is in use on 127.0.0.1", taken.port())),
        (SocketAddr::from(([192, 0, 2, 1], 0)), "192.0.2.1 is not an address of this machine".to_owned()),
    ] {
        let config = ServerConfig { http: Some(address), ws: None, ..config() };
        let error = start(config, module(&probe), Vec::new()).await.unwrap_err().to_string();
        assert!(error.contains(&words), "{error}");
    }
}

#[tokio::test]
async fn nothing_listens_when_one_listener_fails() {
    let (running, _probe) = serve(config()).await;
    let probe = Arc::default();
    let folder = tempfile::tempdir().unwrap();
    let ipc = folder.path().join("mundi.ipc");
    let admin = AdminConfig {
        address: running.http_addr().unwrap(),
        secret: JwtSecret::new([1; 32]),
        methods: MethodFilter::all(),
    };
    let failed = start(
        ServerConfig { admin: Some(admin), ipc: Some(ipc.clone()), ..config() },
        module(&probe),
        Vec::new(),
    )
    .await;
    assert!(failed.is_err());
    assert!(!ipc.exists());
}
