//! Final payloads and their certificates, as they are kept.

use crate::{dissemination::Dissemination, payload::Payload, scheme::Scheme};
use alloy_primitives::Bytes;
use commonware_codec::Encode;
use commonware_consensus::{
    marshal::core::{Mailbox, Variant},
    types::Height,
};
use commonware_runtime::buffer::paged::CacheRef;
use commonware_storage::archive::immutable;
use commonware_utils::{NZU16, NZUsize};
use futures::{FutureExt, future::BoxFuture};
use std::num::{NonZeroU64, NonZeroUsize};

/// Bytes of a page of an archive.
const PAGE: u16 = 4084;

/// Bytes that an archive reads and writes at a time.
pub(crate) const BUFFER: NonZeroUsize = NZUsize!(64 << 10);

/// Bytes of records in a file.
const FILE: u64 = 1 << 30;

/// Places of the index in the beginning. It doubles when half of them have so many records more than when it last did.
const PLACES: u32 = 4096;
const FULL: u8 = 4;

/// So many bytes of pages.
pub(crate) fn pages(bytes: usize) -> CacheRef {
    CacheRef::new(NZU16!(PAGE), NonZeroUsize::new(bytes / usize::from(PAGE)).unwrap_or(NonZeroUsize::MIN))
}

/// How records of all heights are kept, by height and digest. Their index is on the disk: memory does not grow with their number, and
/// there is one open file for each so many bytes and for each `section` heights.
pub(crate) fn layout<C>(
    prefix: &str,
    name: &str,
    section: NonZeroU64,
    pages: &CacheRef,
    codec: C,
) -> immutable::Config<C> {
    let partition = |part: &str| format!("{prefix}{name}-{part}");
    immutable::Config {
        metadata_partition: partition("metadata"),
        freezer_table_partition: partition("table"),
        freezer_table_initial_size: PLACES,
        freezer_table_resize_frequency: FULL,
        freezer_table_resize_chunk_size: PLACES,
        freezer_key_partition: partition("keys"),
        freezer_key_page_cache: pages.clone(),
        freezer_value_partition: partition("values"),
        freezer_value_target_size: FILE,
        freezer_value_compression: None,
        ordinal_partition: partition("heights"),
        items_per_section: section,
        freezer_key_write_buffer: BUFFER,
        freezer_value_write_buffer: BUFFER,
        ordinal_write_buffer: BUFFER,
        replay_buffer: BUFFER,
        codec_config: codec,
    }
}

/// Where final payloads and their certificates are read.
pub trait Archive: Send + Sync {
    /// Whether payloads are erasure-coded in this network, and so what encoded headers and certificates look like.
    fn coded(&self) -> bool;

    /// The encoded [`Payload`] at a height, if it is final, known and kept.
    fn payload(&self, height: u64) -> BoxFuture<'static, Option<Bytes>>;

    /// The encoded certificate of the payload at a height (a finalization of simplex), if it has one of its own: payloads between
    /// those that have are final as their ancestors.
    fn certificate(&self, height: u64) -> BoxFuture<'static, Option<Bytes>>;
}

/// The archive of a running validator.
pub(crate) struct Marshal<V: Variant>(pub(crate) Mailbox<Scheme, V>);

impl<K, V> Archive for Marshal<V>
where
    K: Dissemination,
    V: Variant<ApplicationBlock = Payload<K>, Commitment = K::Commitment>,
{
    fn coded(&self) -> bool {
        K::CODED
    }

    fn payload(&self, height: u64) -> BoxFuture<'static, Option<Bytes>> {
        let mailbox = self.0.clone();
        async move {
            let block = mailbox.get_block(Height::new(height)).await?;
            Some(Bytes::from(V::into_shared(block).inner().encode().to_vec()))
        }
        .boxed()
    }

    fn certificate(&self, height: u64) -> BoxFuture<'static, Option<Bytes>> {
        let mailbox = self.0.clone();
        async move {
            let finalization = mailbox.get_finalization(Height::new(height)).await?;
            Some(Bytes::from(finalization.encode().to_vec()))
        }
        .boxed()
    }
}
