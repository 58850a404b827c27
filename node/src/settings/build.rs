//! From settings to what a node is told.

use super::{Settings, SettingsError, Source, kind};
use crate::{ChainSource, DataDir, NodeConfig, ThreadConfig, datadir::read_genesis};
use alloy_primitives::{Address, Bytes};
use mundi_chain::{Genesis, LedgerConfig};
use mundi_consensus::{Mining, SoloConfig};
use mundi_mempool::Order;
use mundi_rpc_context::Limits;
use mundi_rpc_server::{AdminConfig, Hosts, JwtSecret, MethodFilter, Origins, ServerConfig, TransportLimits};
use mundi_state::{Config, History};
use std::{
    fs,
    net::{IpAddr, SocketAddr},
    num::NonZeroUsize,
    path::PathBuf,
    time::Duration,
};
use toml::Value;

/// Most bytes of a file with a secret.
const MAX_SECRET_BYTES: u64 = 1024;

impl Settings {
    /// The folder of the chain, if one is named.
    pub fn datadir(&self) -> Option<PathBuf> {
        self.get("datadir").map(|_| self.text("datadir").into())
    }

    /// Whether log lines are JSON.
    pub fn logs_json(&self) -> bool {
        self.text("log.format") == "json"
    }

    /// How much is logged.
    pub fn log_level(&self) -> &str {
        self.text("log.level")
    }

    /// How many threads, on a machine with so many cores.
    pub fn threads(&self, cores: NonZeroUsize) -> ThreadConfig {
        let default = ThreadConfig::for_cores(cores);
        let or = |name, default| NonZeroUsize::new(self.count(name)).unwrap_or(default);
        ThreadConfig {
            engine: or("threads.engine", default.engine),
            background: or("threads.background", default.background),
            rpc: or("threads.rpc", default.rpc),
            network: or("threads.network", default.network),
            courtesy: u8::try_from(self.count("threads.courtesy")).unwrap_or(default.courtesy),
        }
    }

    /// What a node is told whose chain is in `folder`. Reads the genesis file and the secret, if such are named.
    pub fn node(&self, folder: DataDir) -> Result<NodeConfig, SettingsError> {
        let contradiction = |text: String| SettingsError::Contradiction(text);
        let ordering = self.ordering(&folder)?;
        let chain = match (self.get("genesis"), self.get("chain")) {
            (Some(_), Some(_)) => {
                return Err(contradiction("genesis and chain: name one of them, not both".into()));
            }
            (Some(_), None) => {
                let path = PathBuf::from(self.text("genesis"));
                // What is wrong with the file is said before anything is opened.
                read_genesis(&path).map_err(|error| contradiction(error.to_string()))?;
                ChainSource::File(folder, Some(path))
            }
            (None, Some(_)) if !folder.is_begun() => {
                let genesis = Genesis::preset(self.text("chain"));
                ChainSource::Folder(
                    folder,
                    Some(Box::new(genesis.map_err(|error| contradiction(error.to_string()))?)),
                )
            }
            (None, _) => ChainSource::Folder(folder, None),
        };
        let mut config = NodeConfig::new(chain);
        config.state = Config {
            cache_bytes: self.size("state.cache"),
            history: self.history("state.history"),
            proofs: self.history("state.proofs"),
            ..Config::default()
        };
        let extra_data = self.text("blocks.extra_data");
        if extra_data.len() > 32 {
            return Err(contradiction(format!(
                "blocks.extra_data: expected at most 32 bytes, got {}",
                extra_data.len()
            )));
        }
        config.ledger = LedgerConfig {
            extra_data: Bytes::copy_from_slice(extra_data.as_bytes()),
            ..LedgerConfig::default()
        };
        config.gas_limit = self.get("blocks.gas_limit").map(|_| self.number("blocks.gas_limit"));
        config.pool = self.pool();
        config.ordering = ordering;
        config.limits = self.limits();
        config.most_waiting = self.count("rpc.waiting");
        config.journal_bytes = self.size("pool.journal");
        config.server = self.server()?;
        let asked = !matches!(self.source("metrics.port"), Some(Source::Default) | None);
        if self.flag("metrics.enabled") || asked {
            config.metrics = Some(SocketAddr::new(self.ip("metrics.address"), self.port("metrics.port")));
        }
        Ok(config)
    }

    fn pool(&self) -> mundi_mempool::Config {
        mundi_mempool::Config {
            max_transactions: self.count("pool.transactions"),
            max_bytes: self.bytes("pool.bytes"),
            max_per_sender: self.count("pool.per_sender"),
            max_queued_per_sender: self.count("pool.queued_per_sender"),
            price_bump_percent: u32::try_from(self.count("pool.price_bump")).unwrap_or(u32::MAX),
            min_priority_fee: self.number("pool.min_tip").into(),
            lifetime: self.time("pool.lifetime"),
            order: if self.text("pool.order") == "fifo" { Order::Fifo } else { Order::Fees },
            ..mundi_mempool::Config::default()
        }
    }

    pub(super) fn solo(&self) -> SoloConfig {
        let interval = self.time("blocks.interval");
        let mining = match (self.flag("blocks.mine"), interval.is_zero()) {
            (false, _) => Mining::Manual,
            (true, true) => Mining::Auto,
            (true, false) => Mining::Interval(interval),
        };
        SoloConfig {
            mining,
            pace: self.time("blocks.pace"),
            beneficiary: self.text("blocks.beneficiary").parse().unwrap_or(Address::ZERO),
            payload_transactions: self.count("blocks.transactions"),
            ..SoloConfig::default()
        }
    }

    fn limits(&self) -> Limits {
        Limits {
            call_gas: self.number("rpc.call_gas"),
            call_time: self.time("rpc.call_time"),
            call_memory: self.bytes("rpc.call_memory"),
            log_blocks: self.number("rpc.log_blocks"),
            logs: self.count("rpc.logs"),
            simulated_blocks: self.count("rpc.simulated_blocks"),
            fee_cap: self.number("rpc.fee_cap").into(),
            response_bytes: self.bytes("rpc.response_bytes"),
            ..Limits::default()
        }
    }

    fn server(&self) -> Result<ServerConfig, SettingsError> {
        let at = |enabled: &str, address: &str, port: &str| {
            let or_http = |name: &str, http| if self.get(name).is_some() { name.to_owned() } else { http };
            let address = or_http(address, "http.address".to_owned());
            let port = or_http(port, "http.port".to_owned());
            self.flag(enabled).then(|| SocketAddr::new(self.ip(&address), self.port(&port)))
        };
        let methods = |name| match self.list(name) {
            names if names.is_empty() => MethodFilter::all(),
            names => MethodFilter::namespaces(names),
        };
        Ok(ServerConfig {
            http: at("http.enabled", "http.address", "http.port"),
            ws: at("ws.enabled", "ws.address", "ws.port"),
            ipc: self.get("ipc.path").map(|_| self.text("ipc.path").into()),
            admin: self.admin()?,
            http_methods: methods("http.namespaces"),
            ws_methods: methods("ws.namespaces"),
            hosts: Hosts::names(self.list("http.hosts")),
            origins: Origins::list(self.list("http.origins")),
            limits: TransportLimits {
                request_bytes: self.bytes("rpc.request_bytes"),
                response_bytes: self.bytes("rpc.response_bytes"),
                batch: self.count("rpc.batch"),
                connections: self.count("rpc.connections"),
                subscriptions: self.count("rpc.subscriptions"),
                ..TransportLimits::default()
            },
            ..ServerConfig::default()
        })
    }

    fn admin(&self) -> Result<Option<AdminConfig>, SettingsError> {
        if self.get("admin.port").is_none() {
            return Ok(None);
        }
        let failed = SettingsError::Contradiction;
        if self.get("admin.secret").is_none() {
            return Err(failed(
                "admin.port: the listener needs a secret; name its file with admin.secret".into(),
            ));
        }
        let path = self.text("admin.secret");
        let large = fs::metadata(path).is_ok_and(|metadata| metadata.len() > MAX_SECRET_BYTES);
        let text = if large {
            Err("it is too large".to_owned())
        } else {
            fs::read_to_string(path).map_err(|error| error.to_string())
        };
        let secret =
            text.and_then(|text| JwtSecret::from_hex(text.trim()).map_err(|error| error.to_string()));
        let secret =
            secret.map_err(|error| failed(format!("admin.secret: {path} cannot be used: {error}")))?;
        let address = SocketAddr::new(self.ip("admin.address"), self.port("admin.port"));
        Ok(Some(AdminConfig { address, secret, methods: MethodFilter::all() }))
    }

    // Every value has been checked against the kind of its key.

    pub(super) fn value(&self, name: &str) -> &Value {
        self.get(name).unwrap_or_else(|| panic!("{name} has a default, or is there"))
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.value(name).as_str().expect("it is text")
    }

    fn flag(&self, name: &str) -> bool {
        self.value(name).as_bool().expect("it is true or false")
    }

    pub(super) fn number(&self, name: &str) -> u64 {
        self.value(name).as_integer().and_then(|number| u64::try_from(number).ok()).expect("it is a number")
    }

    fn count(&self, name: &str) -> usize {
        usize::try_from(self.number(name)).unwrap_or(usize::MAX)
    }

    fn port(&self, name: &str) -> u16 {
        u16::try_from(self.number(name)).expect("it is a port")
    }

    fn ip(&self, name: &str) -> IpAddr {
        self.text(name).parse().expect("it is an address")
    }

    fn size(&self, name: &str) -> u64 {
        kind::size(self.value(name)).expect("it is a size")
    }

    fn bytes(&self, name: &str) -> usize {
        usize::try_from(self.size(name)).unwrap_or(usize::MAX)
    }

    fn history(&self, name: &str) -> History {
        kind::history(self.value(name)).expect("it is a number of blocks")
    }

    fn time(&self, name: &str) -> Duration {
        Duration::from_secs_f64(kind::seconds(self.value(name)).expect("it is a time"))
    }

    fn list(&self, name: &str) -> Vec<String> {
        let list = self.value(name).as_array().expect("it is a list");
        list.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
    }
}
