//! The folder of a network: where its files are, and what they say of the nodes.

use crate::faults::PeerKey;
use serde::Deserialize;
use std::{
    fs::{self, File},
    io::{self, Read as _},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

/// Most bytes of a file that is read here.
const MAX_FILE: u64 = 1 << 20;

/// A network whose files have been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Its folder.
    pub dir: PathBuf,
    /// Its nodes.
    pub nodes: Vec<NodePlace>,
}

/// A node, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodePlace {
    /// What it is called.
    pub name: String,
    /// Its folder.
    pub dir: PathBuf,
    /// By which its peers know it.
    pub key: PeerKey,
    /// Where its peers dial it: `host:port`.
    pub public: String,
    /// Where it listens for its peers itself.
    pub listen: SocketAddr,
    /// Where it answers JSON-RPC, seen from this machine.
    pub rpc: Option<SocketAddr>,
    /// Where its figures are, seen from this machine.
    pub metrics: Option<SocketAddr>,
}

/// A folder that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// There is no network.
    #[error("there is no network in {}: it has no network.json; `mundi net new --dir DIR` makes one, and the other commands take its folder", .0.display())]
    None(PathBuf),
    /// A file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A file says something that cannot be.
    #[error("{}: {reason}", path.display())]
    Wrong {
        /// Which.
        path: PathBuf,
        /// What, and what would be right.
        reason: String,
    },
}

/// What is of interest here of `network.json`.
#[derive(Deserialize)]
struct NetworkFile {
    validators: Vec<ValidatorEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ValidatorEntry {
    name: String,
    public_key: String,
    address: String,
}

/// What is of interest here of `mundi.toml`.
#[derive(Deserialize)]
struct NodeFile {
    #[serde(default)]
    http: Section,
    #[serde(default)]
    metrics: Section,
    consensus: Option<Consensus>,
}

#[derive(Default, Deserialize)]
struct Section {
    enabled: Option<bool>,
    address: Option<IpAddr>,
    port: Option<u16>,
}

#[derive(Deserialize)]
struct Consensus {
    listen: Option<SocketAddr>,
}

impl Section {
    /// Where it is from here: what listens everywhere is on this machine too.
    fn address(&self, enabled: bool, port: u16) -> Option<SocketAddr> {
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let ip = self.address.filter(|ip| !ip.is_unspecified()).unwrap_or(local);
        let port = self.port.unwrap_or(port);
        (self.enabled.unwrap_or(enabled) && port != 0).then(|| SocketAddr::new(ip, port))
    }
}

impl Layout {
    /// Reads the files of a network.
    pub fn open(dir: &Path) -> Result<Self, LayoutError> {
        let entries = entries(dir)?.into_iter().enumerate();
        let nodes = entries.map(|(number, entry)| node(dir, number, entry)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { dir: dir.into(), nodes })
    }

    /// Reads what the files say of one node, by its number or name: the folders of others may be elsewhere.
    pub fn open_node(dir: &Path, name: &str) -> Result<NodePlace, LayoutError> {
        let mut entries = entries(dir)?;
        let number = name.parse().ok().filter(|number: &usize| *number < entries.len());
        let number = number.or_else(|| entries.iter().position(|entry| entry.name == name));
        let number = number.ok_or_else(|| {
            wrong(&dir.join(NETWORK), format!("no node is called '{name}': expected a number or a name"))
        })?;
        node(dir, number, entries.swap_remove(number))
    }

    /// The folder of what runs.
    pub fn run(&self) -> PathBuf {
        self.dir.join("run")
    }

    /// Where the supervisor takes orders.
    pub fn socket(&self) -> PathBuf {
        self.run().join("control.sock")
    }

    /// The log lines of all nodes.
    pub fn log(&self) -> PathBuf {
        self.run().join("net.log")
    }

    /// Whether all nodes are dialed on this machine.
    pub fn is_local(&self) -> bool {
        self.nodes.iter().all(|node| node.public().is_some_and(|address| address.ip().is_loopback()))
    }

    /// The node with a name or a number.
    pub fn find(&self, name: &str) -> Option<usize> {
        let number = name.parse().ok().filter(|number: &usize| *number < self.nodes.len());
        number.or_else(|| self.nodes.iter().position(|node| node.name == name))
    }
}

impl NodePlace {
    /// Where its peers dial it, if that is an address and no name of a host.
    pub fn public(&self) -> Option<SocketAddr> {
        self.public.parse().ok()
    }

    /// Its settings.
    pub fn settings(&self) -> PathBuf {
        self.dir.join(SETTINGS)
    }
}

/// The name of a node's settings in its folder.
pub(crate) const SETTINGS: &str = "mundi.toml";

/// The name of what all nodes share, in the folder of the network.
const NETWORK: &str = "network.json";

/// The validators that a network's file names.
fn entries(dir: &Path) -> Result<Vec<ValidatorEntry>, LayoutError> {
    let path = dir.join(NETWORK);
    if !path.exists() {
        return Err(LayoutError::None(dir.into()));
    }
    let file: NetworkFile =
        serde_json::from_str(&read(&path)?).map_err(|error| wrong(&path, error.to_string()))?;
    if file.validators.is_empty() {
        return Err(wrong(&path, "it names no validators".into()));
    }
    Ok(file.validators)
}

fn node(dir: &Path, number: usize, entry: ValidatorEntry) -> Result<NodePlace, LayoutError> {
    let key = entry.public_key.parse().map_err(|_| {
        let reason = format!("validators[{number}].publicKey: expected 32 bytes in hexadecimal");
        wrong(&dir.join(NETWORK), reason)
    })?;
    let folder = dir.join(format!("node{number}"));
    let path = folder.join(SETTINGS);
    let file: NodeFile =
        toml::from_str(&read(&path)?).map_err(|error| wrong(&path, error.to_string().trim_end().into()))?;
    let listen = file.consensus.and_then(|consensus| consensus.listen);
    Ok(NodePlace {
        name: entry.name,
        key,
        public: entry.address,
        listen: listen.ok_or_else(|| wrong(&path, "it says no consensus.listen".into()))?,
        rpc: file.http.address(true, 8545),
        metrics: file.metrics.address(false, 9545),
        dir: folder,
    })
}

fn wrong(path: &Path, reason: String) -> LayoutError {
    LayoutError::Wrong { path: path.into(), reason }
}

fn read(path: &Path) -> Result<String, LayoutError> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE + 1).read_to_string(&mut text))
        .map_err(|error| LayoutError::Read { path: path.into(), error })?;
    if text.len() as u64 > MAX_FILE {
        return Err(wrong(path, format!("it is larger than {MAX_FILE} bytes")));
    }
    Ok(text)
}

/// Whether there is a network in a folder.
pub(crate) fn is_network(dir: &Path) -> bool {
    fs::exists(dir.join(NETWORK)).unwrap_or_default()
}
