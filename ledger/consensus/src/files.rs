//! The two files that make a validator: what everybody may know, and what nobody else may.

use crate::{
    payload::Bounds,
    rules::{Pace, Rules},
    scheme::{GroupKey, PrivateKey, PublicKey, Scheme, Share, Sharing, namespace},
};
use alloy_primitives::{B256, Bytes};
use commonware_codec::{Copying, Decode, DecodeExt, Encode};
use commonware_cryptography::{Signer, bls12381::primitives::sharing::ModeVersion};
use commonware_utils::{TryCollect, ordered::Set};
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

/// Most validators of a network: they all talk to each other.
pub const MOST_VALIDATORS: u32 = 1024;

/// Most bytes of a file.
const MOST_BYTES: u64 = 4 << 20;

/// A validator, as everybody knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Member {
    /// What people call it.
    pub name: String,
    /// Its ed25519 key, 32 bytes.
    pub public_key: B256,
    /// Where the others reach it: `host:port`.
    pub address: String,
}

/// What all nodes of a network share beside the genesis: `network.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkFile {
    /// Hash of the genesis block.
    pub genesis_hash: B256,
    /// The key that certificates are checked with, 96 bytes.
    pub group_key: Bytes,
    /// The public polynomial of the validators' shares.
    pub polynomial: Bytes,
    /// The validators.
    pub validators: Vec<Member>,
    /// Most bytes of transactions in a payload.
    #[serde(default = "default_bytes")]
    pub payload_bytes: u32,
    /// Most transactions in a payload.
    #[serde(default = "default_transactions")]
    pub payload_transactions: u32,
    /// Heights by which ordering may be ahead of execution.
    #[serde(default = "default_lag")]
    pub max_lag: u64,
    /// Milliseconds that a payload may be ahead of a validator's clock.
    #[serde(default = "default_drift")]
    pub max_drift_ms: u64,
    /// Least milliseconds between two payloads.
    #[serde(default = "default_interval")]
    pub min_interval_ms: u64,
    /// Milliseconds after which a payload comes without transactions.
    #[serde(default = "default_idle")]
    pub idle_interval_ms: u64,
    /// Milliseconds that validators wait longer than that for a leader.
    #[serde(default = "default_patience")]
    pub patience_ms: u64,
}

const DEFAULTS: Rules = Rules::new(0);

const fn default_bytes() -> u32 {
    DEFAULTS.bounds.bytes
}
const fn default_transactions() -> u32 {
    DEFAULTS.bounds.transactions
}
const fn default_lag() -> u64 {
    DEFAULTS.max_lag
}
fn default_drift() -> u64 {
    millis(DEFAULTS.max_drift)
}
fn default_interval() -> u64 {
    millis(Pace::default().interval)
}
fn default_idle() -> u64 {
    millis(Pace::default().idle)
}
fn default_patience() -> u64 {
    millis(Pace::default().patience)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What makes a node the validator that it is: `validator.json`. Nobody else may read it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValidatorFile {
    /// The ed25519 key, 32 bytes.
    pub private_key: Bytes,
    /// The share of the group's secret; empty until it was dealt or generated.
    #[serde(default)]
    pub share: Bytes,
}

impl std::fmt::Debug for ValidatorFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ValidatorFile(secret)")
    }
}

/// What is wrong with such a file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read or written.
    #[error("{path}: {error}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What happened.
        error: io::Error,
    },
    /// It is no such file.
    #[error("{path}: {error}")]
    Json {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        error: serde_json::Error,
    },
    /// It is too large to be one.
    #[error("{path}: more than {MOST_BYTES} bytes are no file of a network")]
    TooLarge {
        /// Which file.
        path: PathBuf,
    },
    /// A field makes no sense.
    #[error("{field}: {reason}")]
    Field {
        /// Which one.
        field: &'static str,
        /// What is wrong.
        reason: String,
    },
}

fn wrong(field: &'static str, reason: impl ToString) -> FileError {
    FileError::Field { field, reason: reason.to_string() }
}

/// The validators of a network, checked.
#[derive(Clone, Debug)]
pub struct Committee {
    /// Hash of the genesis block.
    pub genesis: B256,
    /// Their keys in the order in which shares count.
    pub participants: Set<PublicKey>,
    /// Who they are, in the same order.
    pub members: Vec<Member>,
    /// The public polynomial.
    pub sharing: Sharing,
    /// What certificates are checked with.
    pub group_key: GroupKey,
}

impl NetworkFile {
    /// A network of these validators for the chain with this genesis, with the rules of most networks and without a key.
    pub fn new(genesis_hash: B256, validators: Vec<Member>) -> Self {
        Self {
            genesis_hash,
            group_key: Bytes::new(),
            polynomial: Bytes::new(),
            validators,
            payload_bytes: default_bytes(),
            payload_transactions: default_transactions(),
            max_lag: default_lag(),
            max_drift_ms: default_drift(),
            min_interval_ms: default_interval(),
            idle_interval_ms: default_idle(),
            patience_ms: default_patience(),
        }
    }

    /// Whether its validators have a group key; without one they cannot sign.
    pub fn has_key(&self) -> bool {
        !self.group_key.is_empty() && !self.polynomial.is_empty()
    }

    /// Reads it.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        read(path)
    }

    /// Writes it.
    pub fn write(&self, path: &Path) -> Result<(), FileError> {
        write(path, self, 0o644)
    }

    /// The validators, checked: keys that are keys, each once, and a polynomial that is theirs.
    pub fn committee(&self) -> Result<Committee, FileError> {
        let count = u32::try_from(self.validators.len()).unwrap_or(u32::MAX);
        if count == 0 || count > MOST_VALIDATORS {
            return Err(wrong("validators", format!("there are {count}, and 1 to {MOST_VALIDATORS} may be")));
        }
        let mut members = Vec::with_capacity(self.validators.len());
        for member in &self.validators {
            let key = PublicKey::decode(Copying(member.public_key.as_slice()));
            let key =
                key.map_err(|_| wrong("validators", format!("{} is no ed25519 key", member.public_key)))?;
            members.push((key, member.clone()));
        }
        members.sort_by(|(a, _), (b, _)| a.cmp(b));
        let participants: Result<Set<PublicKey>, _> =
            members.iter().map(|(key, _)| key.clone()).try_collect();
        let participants = participants.map_err(|_| wrong("validators", "a key is there twice"))?;
        if !self.has_key() {
            return Err(wrong("groupKey", "there is none yet: the validators make it with `mundi net dkg`"));
        }
        let most = NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        let sharing = Sharing::decode_cfg(Copying(&self.polynomial), &(most, ModeVersion::v0()));
        let sharing = sharing.map_err(|error| wrong("polynomial", error))?;
        let quorum = commonware_utils::ordered::Quorum::quorum::<commonware_utils::N3f1>(&participants);
        if sharing.total().get() != count || sharing.required() != quorum {
            let reason = format!(
                "it is for {} validators of whom {} sign, and there are {count} of whom {quorum} have to",
                sharing.total(),
                sharing.required()
            );
            return Err(wrong("polynomial", reason));
        }
        let group_key = GroupKey::from_bytes(&self.group_key).map_err(|error| wrong("groupKey", error))?;
        if group_key != GroupKey::of(&sharing) {
            return Err(wrong("groupKey", "it is not the polynomial's"));
        }
        let members = members.into_iter().map(|(_, member)| member).collect();
        Ok(Committee { genesis: self.genesis_hash, participants, members, sharing, group_key })
    }

    /// What all agree on, for blocks with this gas limit.
    pub fn rules(&self, gas_limit: u64) -> Result<Rules, FileError> {
        if self.payload_bytes > Rules::MOST_BYTES {
            let reason = format!("at most {} fit into a block", Rules::MOST_BYTES);
            return Err(wrong("payloadBytes", reason));
        }
        if self.max_lag == 0 {
            return Err(wrong("maxLag", "at least 1 is needed, because a payload is ahead of what it names"));
        }
        if self.pace().idle + self.pace().patience == Duration::ZERO {
            return Err(wrong(
                "patienceMs",
                "validators have to wait for a leader, and idleIntervalMs is 0 too",
            ));
        }
        Ok(Rules {
            bounds: Bounds { bytes: self.payload_bytes, transactions: self.payload_transactions },
            max_lag: self.max_lag,
            max_drift: Duration::from_millis(self.max_drift_ms),
            gas_limit,
        })
    }

    /// How fast payloads come.
    pub const fn pace(&self) -> Pace {
        Pace {
            interval: Duration::from_millis(self.min_interval_ms),
            idle: Duration::from_millis(self.idle_interval_ms),
            patience: Duration::from_millis(self.patience_ms),
        }
    }
}

impl Committee {
    /// What a validator signs with; `None` if the share is not that of one of them.
    pub fn signer(&self, share: Share) -> Option<Scheme> {
        if share.index.get() as usize >= self.participants.len() {
            return None;
        }
        Scheme::signer(&namespace(self.genesis), self.participants.clone(), self.sharing.clone(), share)
    }
}

impl ValidatorFile {
    /// Of these secrets.
    pub fn new(key: &PrivateKey, share: Option<&Share>) -> Self {
        Self {
            private_key: key.encode().to_vec().into(),
            share: share.map(|share| share.encode().to_vec().into()).unwrap_or_default(),
        }
    }

    /// Reads it; says so if others may read it too.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        use std::os::unix::fs::PermissionsExt;
        let secrets = read(path)?;
        if fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0) {
            let path = path.display();
            tracing::warn!(target: "consensus", %path, "others than its user may read the validator's keys: chmod 600");
        }
        Ok(secrets)
    }

    /// Writes it, for nobody else to read.
    pub fn write(&self, path: &Path) -> Result<(), FileError> {
        write(path, self, 0o600)
    }

    /// The ed25519 key.
    pub fn key(&self) -> Result<PrivateKey, FileError> {
        PrivateKey::decode(Copying(&self.private_key))
            .map_err(|_| wrong("privateKey", "these are no 32 bytes of a key"))
    }

    /// The public part of it.
    pub fn public_key(&self) -> Result<B256, FileError> {
        Ok(B256::from_slice(&self.key()?.public_key()))
    }

    /// The share of the group's secret.
    pub fn share(&self) -> Result<Share, FileError> {
        if self.share.is_empty() {
            return Err(wrong(
                "share",
                "there is none yet: the validators make their shares with `mundi net dkg`",
            ));
        }
        Share::decode(Copying(&self.share)).map_err(|error| wrong("share", error))
    }
}

fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T, FileError> {
    let io = |error| FileError::Io { path: path.into(), error };
    if fs::metadata(path).map_err(io)?.len() > MOST_BYTES {
        return Err(FileError::TooLarge { path: path.into() });
    }
    let text = fs::read(path).map_err(io)?;
    serde_json::from_slice(&text).map_err(|error| FileError::Json { path: path.into(), error })
}

/// Writes a file as a whole or not at all, readable for whom it may be from the beginning.
fn write(path: &Path, value: &impl Serialize, mode: u32) -> Result<(), FileError> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let io = |error| FileError::Io { path: path.into(), error };
    let mut text =
        serde_json::to_vec_pretty(value).map_err(|error| FileError::Json { path: path.into(), error })?;
    text.push(b'\n');
    // Two processes may write one file at a time.
    let part = path.with_extension(format!("json.{}.part", std::process::id()));
    let _ = fs::remove_file(&part);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&part).map_err(io)?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(io)?;
    fs::rename(&part, path).map_err(io)?;
    // The name too has to outlive a power failure: what is written may be the only copy of a secret.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)
}
