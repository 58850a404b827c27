//! What a follower keeps of what it was given.

use super::batch::Batch;
use crate::{
    archive::{Archive, layout, pages},
    bft::{Fault, Progress, Runtime},
    dissemination::Dissemination,
    finality::MOST_CERTIFICATE_BYTES,
    payload::Header,
    rules::Rules,
    scheme::Digest,
};
use alloy_primitives::Bytes;
use commonware_codec::{Copying, RangeCfg, ReadExt};
use commonware_consensus::Heightable;
use commonware_cryptography::Digestible;
use commonware_runtime::Handle;
use commonware_storage::archive::{Archive as _, Error, Identifier, immutable};
use futures::{FutureExt, future::BoxFuture};
use std::num::NonZeroU64;
use tokio::sync::{mpsc, oneshot};

/// Requests that wait.
const MAILBOX: usize = 256;

/// Most bytes of an encoded payload: a transaction has a byte at least, and a length of at most five.
const MOST_PAYLOAD_BYTES: usize = MOST_HEADER + 6 * Rules::MOST_BYTES as usize;
const MOST_HEADER: usize = Header::<crate::Coded>::MAX_ENCODE_SIZE;

type Kept<E> = immutable::Archive<E, Digest, bytes::Bytes>;

/// How much is kept in memory, and in a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) section: NonZeroU64,
    pub(super) page_cache: usize,
}

enum Ask<K: Dissemination> {
    Payload(u64, oneshot::Sender<Option<Bytes>>),
    Certificate(u64, oneshot::Sender<Option<Bytes>>),
    Keep(Batch<K>, oneshot::Sender<()>),
    Sync,
}

/// The archives, in two files of each section: payloads, and certificates.
pub(super) struct Archives<E: Runtime> {
    payloads: Kept<E>,
    certificates: Kept<E>,
}

impl<E: Runtime> Archives<E> {
    pub(super) async fn open(runtime: &E, partition: &str, sizes: Sizes) -> Result<Self, Fault> {
        let pages = pages(sizes.page_cache);
        let prefix = format!("{partition}followed-");
        let config =
            |name, most: usize| layout(&prefix, name, sizes.section, &pages, RangeCfg::from(0..=most));
        let payloads = config("payloads", MOST_PAYLOAD_BYTES);
        let payloads = Kept::init(runtime.child("payloads"), payloads).await.map_err(failed)?;
        let certificates = config("certificates", MOST_CERTIFICATE_BYTES);
        let certificates = Kept::init(runtime.child("certificates"), certificates).await.map_err(failed)?;
        Ok(Self { payloads, certificates })
    }

    /// Height of the newest payload.
    pub(super) fn newest(&self) -> Option<u64> {
        self.payloads.last_index()
    }

    /// Height of the block that a payload proves.
    pub(super) async fn anchor<K: Dissemination>(&self, height: u64) -> Result<Option<u64>, Fault> {
        let Some(payload) = self.payloads.get(Identifier::Index(height)).await.map_err(failed)? else {
            return Ok(None);
        };
        let header = Header::<K>::read(&mut Copying(payload.as_ref()));
        let header = header
            .map_err(|error| Fault::Engine(format!("the archive has at {height} no payload: {error}")))?;
        Ok(Some(header.anchor.height))
    }

    /// Serves whoever asks, until nobody can any more.
    pub(super) fn start<K: Dissemination>(self, runtime: &E, progress: Progress) -> (Mailbox<K>, Handle<()>) {
        let (asks, inbox) = mpsc::channel(MAILBOX);
        let handle = runtime.child("archives").spawn(move |_| async move {
            if let Err(error) = self.run(inbox).await {
                progress.fail(failed(error));
            }
        });
        (Mailbox(asks), handle)
    }

    async fn run<K: Dissemination>(mut self, mut inbox: mpsc::Receiver<Ask<K>>) -> Result<(), Error> {
        while let Some(ask) = inbox.recv().await {
            // Who asked may have gone.
            match ask {
                Ask::Payload(height, answer) => {
                    let _ = answer.send(self.payloads.get(Identifier::Index(height)).await?.map(Bytes));
                }
                Ask::Certificate(height, answer) => {
                    let _ = answer.send(self.certificates.get(Identifier::Index(height)).await?.map(Bytes));
                }
                Ask::Keep(batch, answer) => {
                    for proven in &batch.0 {
                        let (height, digest) = (proven.payload.height().get(), proven.payload.digest());
                        self.payloads = self.payloads.put(height, digest, &proven.bytes.0).await?;
                        if let Some((bytes, _)) = &proven.certificate {
                            self.certificates = self.certificates.put(height, digest, &bytes.0).await?;
                        }
                    }
                    let _ = answer.send(());
                }
                Ask::Sync => {
                    // Certificates go first: a payload that is there is not fetched again.
                    self.certificates = self.certificates.sync().await?;
                    self.payloads = self.payloads.sync().await?;
                }
            }
        }
        Ok(())
    }
}

fn failed(error: Error) -> Fault {
    Fault::Engine(format!("the archive of final payloads: {error}"))
}

/// Where archives are asked.
pub(super) struct Mailbox<K: Dissemination>(mpsc::Sender<Ask<K>>);

impl<K: Dissemination> Clone for Mailbox<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Dissemination> Mailbox<K> {
    /// Keeps payloads and certificates: they can be read when this is done, and are on the disk after the next [`sync`](Self::sync).
    pub(super) async fn keep(&self, batch: Batch<K>) {
        let (answer, kept) = oneshot::channel();
        if self.0.send(Ask::Keep(batch, answer)).await.is_ok() {
            let _ = kept.await;
        }
    }

    /// Writes what is kept to the disk, some time soon.
    pub(super) async fn sync(&self) {
        let _ = self.0.send(Ask::Sync).await;
    }

    fn ask(
        &self,
        ask: impl FnOnce(oneshot::Sender<Option<Bytes>>) -> Ask<K>,
    ) -> BoxFuture<'static, Option<Bytes>> {
        let (answer, found) = oneshot::channel();
        let (ask, mailbox) = (ask(answer), self.0.clone());
        async move {
            mailbox.send(ask).await.ok()?;
            found.await.ok().flatten()
        }
        .boxed()
    }
}

impl<K: Dissemination> Archive for Mailbox<K> {
    fn coded(&self) -> bool {
        K::CODED
    }

    fn payload(&self, height: u64) -> BoxFuture<'static, Option<Bytes>> {
        self.ask(|answer| Ask::Payload(height, answer))
    }

    fn certificate(&self, height: u64) -> BoxFuture<'static, Option<Bytes>> {
        self.ask(|answer| Ask::Certificate(height, answer))
    }
}
