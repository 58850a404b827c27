//! Making the folder of a new network.

use crate::{
    layout::{SETTINGS, is_network},
    ports::{MAX_NODES, Ports},
    shell::quoted,
};
use std::{
    fmt::Write as _,
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    num::NonZeroUsize,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// Where the nodes of a new network are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// All on this machine, behind the proxy.
    Local(Ports),
    /// On these hosts in turn. Nodes of one host have ports next to each other.
    Hosts(Vec<String>, Ports),
}

/// A network to be written.
#[derive(Clone, Debug)]
pub struct NewNetwork {
    /// Its folder: there must be none, or an empty one.
    pub dir: PathBuf,
    /// Where the nodes are.
    pub placement: Placement,
    /// The genesis file.
    pub genesis: Vec<u8>,
    /// Who the validators are.
    pub dealt: Dealt,
    /// Cores of this machine: nodes that are all on it share them.
    pub cores: NonZeroUsize,
}

/// What the dealer of a test network hands out.
#[derive(Clone)]
pub struct Dealt {
    /// `network.json`: the same for all, no secret.
    pub network: String,
    /// What each validator gets.
    pub nodes: Vec<DealtNode>,
}

/// What one validator gets.
#[derive(Clone)]
pub struct DealtNode {
    /// `validator.json`: its secrets.
    pub validator: String,
}

impl std::fmt::Debug for Dealt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dealt").field("nodes", &self.nodes.len()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for DealtNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DealtNode")
    }
}

/// Why there is no new network.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Too few or too many.
    #[error("a network of {0} validators cannot be made: expected 1 to {MAX_NODES}")]
    Validators(usize),
    /// A host that cannot be in an address.
    #[error("'{0}' is no host: expected a name or an IP address, as in node-a.example.org or 10.0.0.7")]
    Host(String),
    /// No hosts.
    #[error("no hosts are named: expected as in --hosts 10.0.0.7,10.0.0.8")]
    NoHosts,
    /// There is one already.
    #[error("there is a network in {} already, and it is left as it is: name another folder with --dir, or remove this one", .0.display())]
    Exists(PathBuf),
    /// There is something else.
    #[error("{} is not empty, and nothing there is overwritten: name another folder with --dir", .0.display())]
    NotEmpty(PathBuf),
    /// The system refuses.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// What.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> CreateError + '_ {
    move |error| CreateError::Write { path: path.into(), error }
}

impl Placement {
    /// On these hosts, checked.
    pub fn hosts(hosts: Vec<String>, ports: Ports) -> Result<Self, CreateError> {
        if hosts.is_empty() {
            return Err(CreateError::NoHosts);
        }
        let fits = |character: char| character.is_ascii_alphanumeric() || "-._:".contains(character);
        let wrong = |host: &&String| host.is_empty() || host.len() > 253 || !host.chars().all(fits);
        match hosts.iter().find(wrong) {
            Some(host) => Err(CreateError::Host(host.clone())),
            None => Ok(Self::Hosts(hosts, ports)),
        }
    }

    /// Where the peers of each node dial it: `host:port`.
    pub fn addresses(&self, validators: usize) -> Result<Vec<String>, CreateError> {
        if !(1..=usize::from(MAX_NODES)).contains(&validators) {
            return Err(CreateError::Validators(validators));
        }
        Ok((0..validators).map(|node| self.place(node)).map(|place| place.address).collect())
    }

    fn place(&self, node: usize) -> Place {
        let number = |node: usize| u16::try_from(node).expect("there are at most a hundred");
        match self {
            Self::Local(ports) => {
                let ports = ports.of(number(node));
                let address = format!("127.0.0.1:{}", ports.public);
                Place { ports, address, listen: format!("127.0.0.1:{}", ports.listen) }
            }
            Self::Hosts(hosts, ports) => {
                let ports = ports.of(number(node / hosts.len()));
                let host = &hosts[node % hosts.len()];
                // An IPv6 address needs brackets before a port, and whoever dials it reaches no listener of IPv4.
                let (host, all) = match host.contains(':') {
                    true => (format!("[{host}]"), "[::]"),
                    false => (host.clone(), "0.0.0.0"),
                };
                let address = format!("{host}:{}", ports.public);
                Place { ports, address, listen: format!("{all}:{}", ports.public) }
            }
        }
    }
}

struct Place {
    ports: Ports,
    address: String,
    listen: String,
}

impl NewNetwork {
    /// Refuses a folder in which something is.
    pub fn check(dir: &Path) -> Result<(), CreateError> {
        if is_network(dir) {
            return Err(CreateError::Exists(dir.into()));
        }
        match fs::read_dir(dir) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    Err(CreateError::NotEmpty(dir.into()))
                } else {
                    Ok(())
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(CreateError::Write { path: dir.into(), error }),
        }
    }

    /// Writes it: all of it, or nothing.
    pub fn write(&self) -> Result<(), CreateError> {
        Self::check(&self.dir)?;
        let hidden = format!(".{}.new", std::process::id());
        let is_there = self.dir.is_dir();
        let new = if is_there {
            self.dir.join(hidden)
        } else {
            let mut name = self.dir.file_name().unwrap_or_default().to_owned();
            name.push(hidden);
            self.dir.with_file_name(name)
        };
        let written = self.write_to(&new).and_then(|()| match is_there {
            true => self.move_up(&new),
            false => fs::rename(&new, &self.dir).map_err(failed(&self.dir)),
        });
        if written.is_err() {
            // What cannot be removed either is best left for people to see.
            let _ = fs::remove_dir_all(&new);
        }
        written
    }

    /// Moves everything from a folder in that of the network into that of the network: one that is there stays, because somebody may be
    /// in it. What makes it a network comes last; if something cannot be moved, what was goes back.
    fn move_up(&self, new: &Path) -> Result<(), CreateError> {
        let nodes = (0..self.dealt.nodes.len()).map(|number| format!("node{number}"));
        let names: Vec<_> =
            ["genesis.json".into()].into_iter().chain(nodes).chain(["network.json".into()]).collect();
        for (moved, name) in names.iter().enumerate() {
            let place = self.dir.join(name);
            if let Err(error) = fs::rename(new.join(name), &place) {
                for name in &names[..moved] {
                    // What cannot go back is best left for people to see.
                    let _ = fs::rename(self.dir.join(name), new.join(name));
                }
                return Err(CreateError::Write { path: place, error });
            }
        }
        fs::remove_dir(new).map_err(failed(new))
    }

    fn write_to(&self, dir: &Path) -> Result<(), CreateError> {
        fs::create_dir_all(dir).map_err(failed(dir))?;
        file(&dir.join("genesis.json"), &self.genesis, 0o644)?;
        file(&dir.join("network.json"), self.dealt.network.as_bytes(), 0o644)?;
        for (number, node) in self.dealt.nodes.iter().enumerate() {
            let folder = dir.join(format!("node{number}"));
            DirBuilder::new().mode(0o700).create(&folder).map_err(failed(&folder))?;
            file(&folder.join("validator.json"), node.validator.as_bytes(), 0o600)?;
            file(&folder.join(SETTINGS), self.settings(number).as_bytes(), 0o644)?;
        }
        Ok(())
    }

    fn settings(&self, number: usize) -> String {
        let place = self.placement.place(number);
        let nodes = self.dealt.nodes.len();
        let mut text = format!(
            "# Node {number} of {nodes}. Paths are relative to this folder: start it from here,\n\
             #   cd {} && mundi node --config {SETTINGS}\n\
             # `mundi config default` prints all settings.\n\n\
             datadir = \"data\"\n\
             genesis = \"../genesis.json\"\n\n\
             [http]\nport = {}\n\n\
             [metrics]\nenabled = true\nport = {}\n\n\
             [consensus]\n\
             network = \"../network.json\"\n\
             validator = \"validator.json\"\n\
             listen = \"{}\"\n",
            shown(&quoted(&self.dir.join(format!("node{number}")))),
            place.ports.rpc,
            place.ports.metrics,
            place.listen,
        );
        if matches!(self.placement, Placement::Local(_)) && nodes > 1 {
            let share = |whole: usize, least: usize| (whole / nodes).max(least);
            let cores = self.cores.get();
            let _ = write!(
                text,
                "\n# All {nodes} nodes share one machine of {cores} core{}: each takes its share.\n\
                 [threads]\nengine = {threads}\nbackground = {threads}\nrpc = {threads}\nnetwork = 2\n\n\
                 [state]\ncache = \"{}MiB\"\n\n\
                 [pool]\nbytes = \"{}MiB\"\n",
                if cores == 1 { "" } else { "s" },
                share(512, 32),
                share(768, 64),
                threads = share(cores, 1),
            );
        }
        text
    }
}

/// A path in a comment of one line.
fn shown(path: &str) -> String {
    path.replace(char::is_control, "?")
}

fn file(path: &Path, bytes: &[u8], mode: u32) -> Result<(), CreateError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(failed(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{layout::Layout, ports::DEFAULT_PORTS};
    use std::os::unix::fs::PermissionsExt as _;

    fn network(dir: &Path, placement: Placement, validators: usize) -> NewNetwork {
        let addresses = placement.addresses(validators).unwrap();
        let entry = |(number, address)| {
            format!(r#"{{"name":"node{number}","publicKey":"{number:064x}","address":"{address}"}}"#)
        };
        let entries: Vec<_> = addresses.iter().enumerate().map(entry).collect();
        NewNetwork {
            dir: dir.into(),
            placement,
            genesis: b"{}".to_vec(),
            dealt: Dealt {
                network: format!(r#"{{"validators":[{}]}}"#, entries.join(",")),
                nodes: vec![DealtNode { validator: "secret".into() }; validators],
            },
            cores: NonZeroUsize::new(2).unwrap(),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("a net");
        network(&dir, Placement::Local(DEFAULT_PORTS), 4).write().unwrap();
        let layout = Layout::open(&dir).unwrap();
        assert!(layout.is_local());
        let node = &layout.nodes[3];
        assert_eq!(node.name, "node3");
        assert_eq!(node.public, "127.0.0.1:30403");
        assert_eq!(node.listen.to_string(), "127.0.0.1:30503");
        assert_eq!(node.rpc.unwrap().port(), 8548);
        assert_eq!(node.metrics.unwrap().port(), 9548);
        assert_eq!((layout.find("2"), layout.find("node2"), layout.find("4")), (Some(2), Some(2), None));
        let mode = fs::metadata(dir.join("node0/validator.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // Nothing else is left beside it.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("net");
        network(&dir, Placement::Local(DEFAULT_PORTS), 1).write().unwrap();
        let again = network(&dir, Placement::Local(DEFAULT_PORTS), 1).write().unwrap_err();
        assert!(matches!(again, CreateError::Exists(_)), "{again}");
        let other = folder.path().join("other");
        fs::create_dir(&other).unwrap();
        network(&other, Placement::Local(DEFAULT_PORTS), 1).write().unwrap();
        assert_eq!(fs::read_dir(&other).unwrap().count(), 3, "the network and nothing else");
        let full = folder.path().join("full");
        fs::create_dir_all(full.join("something")).unwrap();
        let error = network(&full, Placement::Local(DEFAULT_PORTS), 1).write().unwrap_err();
        assert!(matches!(error, CreateError::NotEmpty(_)), "{error}");
    }

    #[test]
    fn nodes_are_on_hosts_in_turn() {
        let hosts = ["10.0.0.7", "b.example.org", "fd00::1"].map(String::from).to_vec();
        let placement = Placement::hosts(hosts, DEFAULT_PORTS).unwrap();
        assert_eq!(
            placement.addresses(4).unwrap(),
            ["10.0.0.7:30400", "b.example.org:30400", "[fd00::1]:30400", "10.0.0.7:30401"]
        );
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("net");
        network(&dir, placement, 4).write().unwrap();
        let layout = Layout::open(&dir).unwrap();
        assert!(!layout.is_local());
        assert_eq!(layout.nodes[3].listen.to_string(), "0.0.0.0:30401");
        assert_eq!(layout.nodes[2].listen.to_string(), "[::]:30400");
    }

    #[test]
    fn impossible_networks_are_refused() {
        let local = Placement::Local(DEFAULT_PORTS);
        assert!(matches!(local.addresses(0), Err(CreateError::Validators(0))));
        assert!(matches!(local.addresses(101), Err(CreateError::Validators(101))));
        for wrong in ["", "a b", "http://x", "a/b"] {
            assert!(matches!(Placement::hosts(vec![wrong.into()], DEFAULT_PORTS), Err(CreateError::Host(_))));
        }
        assert!(matches!(Placement::hosts(Vec::new(), DEFAULT_PORTS), Err(CreateError::NoHosts)));
    }
}
