//! A participant's secrets, on disk from the moment anything depends on them.
//!
//! One file per secret, in a directory that only its owner may enter: `seed-E` (the randomness of this node's dealings),
//! `dealing-E-DEALER` (what a dealer sent this node), `share-E`; E is the epoch, 0 in a key generation. A file is the SHA-256 of
//! its name and its content, then the content. It is written beside its place, synced and moved there, so it is there as a
//! whole or not at all.
//!
//! Commonware's [`SecretStore`] knows no errors. When one happens here, the caller is never answered, so that nothing is done
//! that the secret was to be stored for, and [`Secrets::failed`] tells whoever runs the ceremony.

use commonware_codec::{Copying, DecodeExt, Encode};
use commonware_consensus::types::Epoch;
use commonware_cryptography::{
    Hasher as _, PublicKey, Sha256,
    bls12381::{dkg::feldman_desmedt::DealerPrivMsg, primitives::group::Share},
    sha256::Digest,
    transcript::Summary,
};
use commonware_glue::dkg::SecretStore;
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::watch;

/// The longest file of a secret, in bytes. The longest secret has 37.
const MAX_FILE: u64 = 1024;

/// What a file begins with: the hash of its name and content.
const HASH: usize = 32;

/// Where the ceremony that a directory belongs to is written.
const CEREMONY: &str = "ceremony";

/// Secrets in a directory. Clones share it.
#[derive(Clone, Debug)]
pub struct Secrets {
    directory: Arc<PathBuf>,
    failure: watch::Sender<Option<Arc<SecretsError>>>,
}

/// Why a secret could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The file system refused.
    #[error("{action} {}: {source}. The key generation goes on from here when it is mended and started again", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is not what was written.
    #[error("{} is damaged: bring it back from a copy, or begin the next attempt with an empty directory", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The directory belongs to another ceremony.
    #[error("{} belongs to another key generation", path.display())]
    Other {
        /// The directory.
        path: PathBuf,
    },
}

impl Secrets {
    /// Opens the secrets of a ceremony, or makes an empty directory for them.
    ///
    /// `ceremony` is its [id](super::Ceremony::id): a directory with the secrets of another is refused.
    pub fn open(directory: impl Into<PathBuf>, ceremony: &Digest) -> Result<Self, SecretsError> {
        let directory = directory.into();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(io_error("creating", &directory))?;
        let secrets = Self { directory: Arc::new(directory), failure: watch::Sender::new(None) };
        match secrets.read::<Digest>(CEREMONY)? {
            Some(stored) if stored != *ceremony => {
                return Err(SecretsError::Other { path: secrets.directory.to_path_buf() });
            }
            Some(_) => {}
            None => secrets.write(CEREMONY, ceremony)?,
        }
        Ok(secrets)
    }

    /// Waits for the first secret that cannot be stored or read.
    pub async fn failed(&self) -> Arc<SecretsError> {
        let mut failure = self.failure.subscribe();
        // The sender is in `self`, so this waits for a value.
        let seen = failure.wait_for(Option::is_some).await.ok().and_then(|seen| seen.clone());
        match seen {
            Some(error) => error,
            None => std::future::pending().await,
        }
    }

    /// Reads a secret; `None` if there is none.
    fn read<T: DecodeExt<()>>(&self, name: &str) -> Result<Option<T>, SecretsError> {
        let path = self.directory.join(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error("opening", &path)(error)),
        };
        let mut bytes = Vec::new();
        file.take(MAX_FILE).read_to_end(&mut bytes).map_err(io_error("reading", &path))?;
        let secret = bytes
            .split_at_checked(HASH)
            .filter(|(hash, content)| *hash == checksum(name, content).as_ref())
            .and_then(|(_, content)| T::decode(Copying(content)).ok());
        secret.map(Some).ok_or(SecretsError::Damaged { path })
    }

    /// Stores a secret. It is durable when this returns.
    fn write(&self, name: &str, secret: &impl Encode) -> Result<(), SecretsError> {
        let content = secret.encode();
        let path = self.directory.join(name);
        let beside = self.directory.join(format!("{name}.new"));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)
            .map_err(io_error("creating", &beside))?;
        file.write_all(checksum(name, &content).as_ref())
            .and_then(|()| file.write_all(&content))
            .and_then(|()| file.sync_all())
            .map_err(io_error("writing", &beside))?;
        fs::rename(&beside, &path).map_err(io_error("moving into place", &path))?;
        self.sync()
    }

    /// Makes what was moved or removed in the directory durable.
    fn sync(&self) -> Result<(), SecretsError> {
        let directory: &Path = &self.directory;
        File::open(directory).and_then(|opened| opened.sync_all()).map_err(io_error("syncing", directory))
    }

    /// Removes the secrets of epochs before `least`.
    fn remove_before(&self, least: u64) -> Result<(), SecretsError> {
        let directory: &Path = &self.directory;
        for entry in fs::read_dir(directory).map_err(io_error("listing", directory))? {
            let entry = entry.map_err(io_error("listing", directory))?;
            let name = entry.file_name();
            let epoch =
                name.to_str().and_then(|name| name.split('-').nth(1)).and_then(|it| it.parse::<u64>().ok());
            if epoch.is_some_and(|epoch| epoch < least) {
                let path = entry.path();
                fs::remove_file(&path).map_err(io_error("removing", &path))?;
            }
        }
        self.sync()
    }

    /// The value, or never an answer and a report.
    async fn answer<T>(&self, result: Result<T, SecretsError>) -> T {
        match result {
            Ok(value) => value,
            Err(error) => {
                let error = Arc::new(error);
                self.failure.send_modify(|failure| {
                    failure.get_or_insert(error);
                });
                std::future::pending().await
            }
        }
    }
}

impl SecretStore for Secrets {
    async fn put_share(&mut self, epoch: Epoch, share: Share) {
        self.answer(self.write(&share_name(epoch), &share)).await;
    }

    async fn get_share(&mut self, epoch: Epoch) -> Option<Share> {
        self.answer(self.read(&share_name(epoch))).await
    }

    async fn put_seed(&mut self, epoch: Epoch, seed: Summary) {
        self.answer(self.write(&seed_name(epoch), &seed)).await;
    }

    async fn get_seed(&mut self, epoch: Epoch) -> Option<Summary> {
        self.answer(self.read(&seed_name(epoch))).await
    }

    async fn put_dealing<P: PublicKey>(&mut self, epoch: Epoch, dealer: P, private: DealerPrivMsg) {
        self.answer(self.write(&dealing_name(epoch, &dealer), &private)).await;
    }

    async fn get_dealing<P: PublicKey>(&mut self, epoch: Epoch, dealer: &P) -> Option<DealerPrivMsg> {
        self.answer(self.read(&dealing_name(epoch, dealer))).await
    }

    async fn prune(&mut self, min: Epoch) {
        self.answer(self.remove_before(min.get())).await;
    }
}

fn share_name(epoch: Epoch) -> String {
    format!("share-{}", epoch.get())
}

fn seed_name(epoch: Epoch) -> String {
    format!("seed-{}", epoch.get())
}

fn dealing_name(epoch: Epoch, dealer: &impl Encode) -> String {
    format!("dealing-{}-{}", epoch.get(), alloy_primitives::hex::encode(dealer.encode()))
}

/// Ties a file's content to its name.
fn checksum(name: &str, content: &[u8]) -> Digest {
    Sha256::hash(&[b"MUNDI DKG SECRET 1", name.as_bytes(), &[0], content])
}

fn io_error<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> SecretsError + 'a {
    move |source| SecretsError::Io { action, path: path.to_path_buf(), source }
}
