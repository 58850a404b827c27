//! What is counted.

use crate::{
    client::{Http, Ws},
    probe::{Probe, config, module},
};
use metrics_exporter_prometheus::PrometheusBuilder;
use mundi_rpc_server::start;
use serde_json::json;
use std::sync::Arc;

#[tokio::test]
async fn requests_errors_rejections_and_connections_are_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let rendered = recorder.handle();
    let probe: Arc<Probe> = Arc::default();
    let starting = start(config(), module(&probe), Vec::new());
    let mut starting = Box::pin(starting);
    let handle =
        std::future::poll_fn(|cx| metrics::with_local_recorder(&recorder, || starting.as_mut().poll(cx)))
            .await
            .unwrap();

    let (mut http, mut ws) = (Http::to(&handle).await, Ws::to(&handle).await);
    http.call("eth_chainId", json!([])).await;
    ws.call("eth_chainId", json!([])).await;
    ws.call("test_subscribe", json!([0])).await;
    http.call("eth_made_up_by_a_client", json!([])).await;
    http.post("no").await;
    http.ask("GET", "/", "Host: evil.example\r\n").await;
    let text = rendered.render();
    for line in [
        r#"rpc_requests_total{method="eth_chainId"} 2"#,
        r#"rpc_requests_total{method="unknown"} 1"#,
        r#"rpc_errors_total{code="-32601"} 1"#,
        r#"rpc_errors_total{code="-32700"} 1"#,
        r#"rpc_rejected_total{reason="host"} 1"#,
        r#"rpc_rejected_total{reason="malformed"} 1"#,
        r#"rpc_connections{transport="http"} 1"#,
        r#"rpc_connections{transport="ws"} 1"#,
        "rpc_subscriptions 1",
        r#"rpc_request_seconds_count{method="eth_chainId"} 2"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("made_up"), "clients do not make labels");
    drop((http, ws));
    assert!(handle.stop().await);
    let text = rendered.render();
    for line in [r#"rpc_connections{transport="http"} 0"#, "rpc_subscriptions 0"] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}
