//! All settings of a node: one table, of which the default file, the flags and the variables are made.

use super::kind::Kind;

/// A setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Where it is in the file, as in `http.port`; also the name of its flag.
    pub name: &'static str,
    /// Another name of its flag.
    pub alias: Option<&'static str>,
    /// What it may be.
    pub kind: Kind,
    /// What it is if nobody says, as in the file; `None`: nothing.
    pub default: Option<&'static str>,
    /// An example where there is no default, as in the file.
    pub example: &'static str,
    /// What it is for.
    pub help: &'static str,
}

const fn key(name: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Setting {
    Setting { name, alias: None, kind, default: Some(default), example: "", help }
}

const fn unset(name: &'static str, kind: Kind, example: &'static str, help: &'static str) -> Setting {
    Setting { name, alias: None, kind, default: None, example, help }
}

const fn called(alias: &'static str, key: Setting) -> Setting {
    Setting { alias: Some(alias), ..key }
}

const fn number(least: u64, most: u64) -> Kind {
    Kind::Number { least, most }
}

/// The curve's generator, which nobody has for a key.
const GROUP_KEY_EXAMPLE: &str = concat!(
    "\"0x93e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e",
    "024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8\"",
);
const ANY: Kind = number(0, i64::MAX as u64);
const SOME: Kind = number(1, i64::MAX as u64);
const THREADS: Kind = number(0, 1024);

/// All settings, in the order of the file.
pub static KEYS: &[Setting] = &[
    unset(
        "datadir",
        Kind::Path,
        "\"/var/lib/mundi\"",
        "Folder of the chain. Without it, where programs of this user keep their data.",
    ),
    unset(
        "genesis",
        Kind::Path,
        "\"genesis.json\"",
        "Genesis file. Needed to begin a chain, and to schedule more forks later.",
    ),
    unset("chain", Kind::Choice(&["dev"]), "\"dev\"", "A built-in genesis in place of a file."),
    key("http.enabled", Kind::Bool, "true", "JSON-RPC over HTTP."),
    called(
        "http.addr",
        key(
            "http.address",
            Kind::Ip,
            "\"127.0.0.1\"",
            "Address; 0.0.0.0 is reachable by everybody, but for developers' and admin methods.",
        ),
    ),
    key("http.port", Kind::Port, "8545", "Port; 0 takes a free one."),
    called(
        "http.api",
        key(
            "http.namespaces",
            Kind::List,
            "[]",
            "Namespaces that are served, as in [\"eth\", \"net\", \"web3\"]; empty serves all.",
        ),
    ),
    called(
        "http.corsdomain",
        key("http.origins", Kind::List, "[]", "Web pages that may use the node, by origin; \"*\" for all."),
    ),
    called(
        "http.vhosts",
        key(
            "http.hosts",
            Kind::List,
            "[]",
            "Names under which the node is reached, beside localhost and its addresses; \"*\" for all.",
        ),
    ),
    key("ws.enabled", Kind::Bool, "true", "JSON-RPC over WebSocket."),
    called("ws.addr", unset("ws.address", Kind::Ip, "\"127.0.0.1\"", "Address. Without it, that of HTTP.")),
    unset("ws.port", Kind::Port, "8546", "Port. Without it, that of HTTP; the same port serves both."),
    called("ws.api", key("ws.namespaces", Kind::List, "[]", "Namespaces that are served; empty serves all.")),
    called(
        "ipcpath",
        unset(
            "ipc.path",
            Kind::Path,
            "\"/run/mundi/mundi.ipc\"",
            "JSON-RPC over a Unix socket, which only this user may open.",
        ),
    ),
    called(
        "authrpc.addr",
        key(
            "admin.address",
            Kind::Ip,
            "\"127.0.0.1\"",
            "Address of a listener for operators, whose clients show a token (JWT).",
        ),
    ),
    called(
        "authrpc.port",
        unset("admin.port", Kind::Port, "8551", "Its port. Without it there is no such listener."),
    ),
    called(
        "authrpc.jwtsecret",
        unset(
            "admin.secret",
            Kind::Path,
            "\"jwt.hex\"",
            "File with the secret of its tokens: 64 hexadecimal digits.",
        ),
    ),
    called(
        "metrics",
        key("metrics.enabled", Kind::Bool, "false", "Serve /metrics for Prometheus, /health and /ready."),
    ),
    called("metrics.addr", key("metrics.address", Kind::Ip, "\"127.0.0.1\"", "Address.")),
    key(
        "metrics.port",
        Kind::Port,
        "9545",
        "Port. Naming one on the command line or in the environment enables it.",
    ),
    called("mine", key("blocks.mine", Kind::Bool, "true", "Make blocks. Without, the node only answers.")),
    called(
        "block-time",
        key(
            "blocks.interval",
            Kind::Seconds,
            "0",
            "Seconds between blocks, which are then made with transactions or without; 0: whenever a transaction waits.",
        ),
    ),
    called(
        "pace",
        key(
            "blocks.pace",
            Kind::Seconds,
            "0",
            "Least time between two blocks made because a transaction waits, in seconds.",
        ),
    ),
    called(
        "gas-limit",
        unset(
            "blocks.gas_limit",
            SOME,
            "1_000_000_000",
            "Gas limit that blocks move to. Without it, that of the genesis.",
        ),
    ),
    called(
        "beneficiary",
        key(
            "blocks.beneficiary",
            Kind::Address,
            "\"0x0000000000000000000000000000000000000000\"",
            "Who gets the fees.",
        ),
    ),
    called(
        "extra-data",
        key("blocks.extra_data", Kind::Text, "\"mundi\"", "What blocks say in extraData: up to 32 bytes."),
    ),
    key("blocks.transactions", SOME, "50_000", "Most transactions in a block."),
    unset(
        "consensus.network",
        Kind::Path,
        "\"network.json\"",
        "File of the network whose validators order blocks together: their keys and addresses, the same for all. Without it, and without consensus.follow, the node orders alone.",
    ),
    unset(
        "consensus.validator",
        Kind::Path,
        "\"validator.json\"",
        "File with the secret keys of this validator, which only its user may read.",
    ),
    unset(
        "consensus.listen",
        Kind::Socket,
        "\"0.0.0.0:30400\"",
        "Where other validators reach this one. Without it, at its address in the file of the network.",
    ),
    unset(
        "consensus.beneficiary",
        Kind::Address,
        "\"0x0000000000000000000000000000000000000000\"",
        "Who gets the fees of the blocks that this validator proposes. Without it, nobody.",
    ),
    called(
        "follow",
        unset(
            "consensus.follow",
            Kind::Urls,
            "[\"http://127.0.0.1:8545\"]",
            "Order nothing: take what is final from these nodes of a network, by JSON-RPC, and check each certificate.",
        ),
    ),
    called(
        "group-key",
        unset(
            "consensus.group_key",
            Kind::GroupKey,
            GROUP_KEY_EXAMPLE,
            "The network's public key, 96 bytes: all that one who follows it has to trust.",
        ),
    ),
    key(
        "consensus.snapshots",
        ANY,
        "10_000",
        "Offer a state to nodes that begin, made anew after so many heights when somebody asks; 0: offer none.",
    ),
    key(
        "consensus.state_sync",
        ANY,
        "50_000",
        "A follower without a chain begins with a state if the others are further than so many heights; 0: never.",
    ),
    called("cache", key("state.cache", Kind::Size, "\"512MiB\"", "Memory for warm state.")),
    called(
        "history",
        key(
            "state.history",
            Kind::History,
            "\"128\"",
            "Of how many blocks the state can be asked for: the last so many, or \"full\".",
        ),
    ),
    called(
        "proofs",
        key(
            "state.proofs",
            Kind::History,
            "\"128\"",
            "Of how many blocks the state can be proven, likewise.",
        ),
    ),
    key("pool.transactions", SOME, "250_000", "Most transactions that wait."),
    key("pool.bytes", Kind::Size, "\"768MiB\"", "Most bytes of them."),
    key("pool.per_sender", SOME, "50_000", "Most of one sender."),
    key("pool.queued_per_sender", SOME, "10_000", "Most of one sender that cannot be executed yet."),
    key(
        "pool.price_bump",
        number(0, 1_000),
        "10",
        "By how many percent a replacement has to raise its fees.",
    ),
    key("pool.min_tip", ANY, "0", "Least tip in wei for a unit of gas."),
    key(
        "pool.lifetime",
        Kind::Seconds,
        "10_800",
        "After so many seconds a transaction that nobody included is dropped.",
    ),
    key(
        "pool.order",
        Kind::Choice(&["fees", "fifo"]),
        "\"fees\"",
        "Who comes first: those who pay most, or those who came first.",
    ),
    key(
        "pool.journal",
        Kind::Size,
        "\"256MiB\"",
        "Most bytes of the file that brings them back after a restart.",
    ),
    called("rpc.gascap", key("rpc.call_gas", SOME, "50_000_000", "Gas of one call.")),
    called("rpc.evmtimeout", key("rpc.call_time", Kind::Seconds, "5", "Seconds that one call may take.")),
    key("rpc.call_memory", Kind::Size, "\"256MiB\"", "Memory that one call may use in the virtual machine."),
    key("rpc.log_blocks", SOME, "100_000", "Blocks that one eth_getLogs may span."),
    key("rpc.logs", SOME, "20_000", "Logs that one eth_getLogs may return."),
    key("rpc.simulated_blocks", SOME, "256", "Blocks of one eth_simulateV1."),
    called(
        "rpc.txfeecap",
        key(
            "rpc.fee_cap",
            ANY,
            "1_000_000_000_000_000_000",
            "Most wei in fees of one transaction that this node signs; 0 is no limit.",
        ),
    ),
    key("rpc.waiting", SOME, "4_096", "Requests that wait for a thread at most."),
    key("rpc.request_bytes", Kind::Size, "\"15MB\"", "Bytes of one request."),
    key("rpc.response_bytes", Kind::Size, "\"160MB\"", "Bytes of one answer."),
    key("rpc.batch", SOME, "1_000", "Calls of one batch."),
    key("rpc.connections", SOME, "500", "Connections at a time."),
    key("rpc.subscriptions", SOME, "1_024", "Subscriptions of one connection."),
    called("threads", key("threads.engine", THREADS, "0", "Threads that execute a block; 0: all cores.")),
    key("threads.background", THREADS, "0", "Threads for receipts and state roots; 0: all cores."),
    key("threads.rpc", THREADS, "0", "Threads that answer requests; 0: all cores."),
    key("threads.network", THREADS, "0", "Threads that read and write; 0: half of the cores, at least two."),
    key(
        "threads.courtesy",
        number(0, 19),
        "10",
        "By how much threads that serve clients stand back behind those that make blocks, as nice counts.",
    ),
    key(
        "log.format",
        Kind::Choice(&["pretty", "json"]),
        "\"pretty\"",
        "Log lines for people, or for programs.",
    ),
    key(
        "log.level",
        Kind::Text,
        "\"info\"",
        "How much is logged: error, warn, info, debug, trace; also by part, as in \"info,ledger=debug\".",
    ),
];

/// The setting with a name.
pub(super) fn find(name: &str) -> Option<&'static Setting> {
    KEYS.iter().find(|key| key.name == name)
}

impl Setting {
    /// The variable of the environment that sets it.
    pub fn variable(&self) -> String {
        format!("MUNDI_{}", self.name.replace('.', "_").to_ascii_uppercase())
    }
}

/// The name nearest to one that does not exist.
pub(super) fn nearest(wrong: &str, names: impl Iterator<Item = String>) -> Option<String> {
    let near = names.map(|name| (distance(wrong, &name), name)).min()?;
    // Half of it may be wrong.
    (near.0 * 2 <= wrong.len().max(4)).then_some(near.1)
}

/// How many letters have to be put in, taken out or changed.
fn distance(from: &str, to: &str) -> usize {
    // Names are short; what is longer is not near to any.
    let to: Vec<char> = to.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, letter) in from.chars().take(64).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, other) in to.iter().enumerate() {
            let change = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = change.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_find_what_was_meant() {
        let near = |wrong| nearest(wrong, KEYS.iter().map(|key| key.name.to_owned()));
        assert_eq!(near("http.prot").as_deref(), Some("http.port"));
        assert_eq!(near("state.histroy").as_deref(), Some("state.history"));
        assert_eq!(near("datadirr").as_deref(), Some("datadir"));
        assert_eq!(near("something.else.entirely"), None);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn every_default_and_every_example_is_of_its_kind() {
        for key in KEYS {
            let text = key.default.unwrap_or(key.example);
            let value: toml::Table = format!("x = {text}").parse().unwrap();
            key.kind
                .check(&value["x"])
                .unwrap_or_else(|expected| panic!("{}: expected {expected}", key.name));
        }
    }
}
