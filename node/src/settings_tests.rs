use super::*;
use crate::{DataDir, Ordering};
use mundi_consensus::{Mining, SoloConfig};
use std::num::NonZeroUsize;

#[test]
fn the_default_file_says_what_is_so_without_it() {
    let default = Settings::default();
    let read = Settings::default().with_file("node.toml", &default_file()).unwrap();
    let values = |settings: &Settings| -> Vec<_> {
        settings.values.iter().map(|(name, (value, _))| (*name, value.to_string())).collect()
    };
    assert_eq!(values(&read), values(&default));
    // What is in force can be put into a file.
    let shown = Settings::default().with_file("shown.toml", &read.show()).unwrap();
    assert_eq!(values(&shown), values(&default));
}

#[test]
fn defaults_are_those_of_the_parts() {
    let config = Settings::default().node(DataDir::new("/nowhere")).unwrap();
    assert_eq!(config.limits, mundi_rpc_context::Limits::default());
    assert_eq!(config.server.limits, mundi_rpc_server::TransportLimits::default());
    assert_eq!(config.server.http, mundi_rpc_server::ServerConfig::default().http);
    assert_eq!(config.server.ws, config.server.http);
    assert_eq!(format!("{:?}", config.pool), format!("{:?}", mundi_mempool::Config::default()));
    assert_eq!(format!("{:?}", config.ordering), format!("{:?}", Ordering::default()));
    assert_eq!(format!("{:?}", config.state), format!("{:?}", mundi_state::Config::default()));
    assert_eq!(config.gas_limit, None);
    assert_eq!(config.ledger.extra_data, mundi_chain::LedgerConfig::default().extra_data);
    let cores = NonZeroUsize::new(8).unwrap();
    assert_eq!(Settings::default().threads(cores), crate::ThreadConfig::for_cores(cores));
    assert_eq!(config.metrics, None);
}

#[test]
fn flags_go_before_variables_and_these_before_the_file() {
    let variables = [("MUNDI_HTTP_PORT", "3"), ("MUNDI_WS_PORT", "4"), ("HOME", "/root"), ("MUNDI_LOG", "x")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let settings = Settings::default()
        .with_file("f.toml", "[http]\nport = 1\naddress = \"127.0.0.2\"\n[ws]\nport = 2")
        .and_then(|settings| settings.with_variables(variables, &["MUNDI_LOG"]))
        .and_then(|settings| settings.with_flags([("http.port", "5"), ("blocks.mine", "false")]))
        .unwrap();
    let config = settings.node(DataDir::new("/nowhere")).unwrap();
    assert_eq!(config.server.http.unwrap().to_string(), "127.0.0.2:5");
    assert_eq!(config.server.ws.unwrap().to_string(), "127.0.0.2:4");
    assert!(matches!(config.ordering, Ordering::Solo(SoloConfig { mining: Mining::Manual, .. })));
    let shown = settings.show();
    for line in [
        "port = 5  # command line",
        "port = 4  # MUNDI_WS_PORT",
        "address = \"127.0.0.2\"  # f.toml",
        "# datadir is not set",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    let file = |text: &str| Settings::default().with_file("f.toml", text).unwrap_err().to_string();
    assert_eq!(
        file("[http]\nprot = 1"),
        "f.toml: there is no setting http.prot, did you mean http.port?; `mundi config default` lists all"
    );
    assert_eq!(
        file("[http.port]\nx = 1"),
        "http.port (f.toml): expected a port from 0 to 65535, got { x = 1 }"
    );
    assert_eq!(
        file("[http]\nport = 70000"),
        "http.port (f.toml): expected a port from 0 to 65535, got 70000"
    );
    assert_eq!(file("[http]\nenabled = 1"), "http.enabled (f.toml): expected true or false, got 1");
    assert!(file("http = 3").starts_with("f.toml: there is no setting http"));
    assert!(file("[zebra]\ncrossing = 3").contains("no setting zebra.crossing; "));
    assert!(file("port = ").starts_with("f.toml: TOML parse error at line 1, column "));
    let variable = [("MUNDI_HTP_PORT".to_owned(), "1".to_owned())];
    let error = Settings::default().with_variables(variable, &[]).unwrap_err().to_string();
    assert!(
        error.starts_with("environment: there is no setting MUNDI_HTP_PORT, did you mean MUNDI_HTTP_PORT?")
    );
    let others =
        ["MUNDI_FUZZ_ROUNDS", "MUNDI_BIN", "MUNDI_HOME"].map(|name| (name.to_owned(), "1".to_owned()));
    assert!(Settings::default().with_variables(others, &[]).is_ok());
    let error = Settings::default().with_flags([("state.history", "some")]).unwrap_err().to_string();
    assert_eq!(error, "state.history (command line): expected \"full\" or a number of blocks, got \"some\"");
    for flags in [
        &[("genesis", "nowhere.json")][..],
        &[("admin.port", "1")],
        &[("blocks.extra_data", &"x".repeat(33))],
    ] {
        let settings = Settings::default().with_flags(flags.iter().copied()).unwrap();
        let error = settings.node(DataDir::new("/nowhere")).unwrap_err();
        assert!(matches!(error, SettingsError::Contradiction(_)), "{error}");
    }
}
