//! Final payloads and their certificates, as they are kept.

use crate::{dissemination::Dissemination, payload::Payload, scheme::Scheme};
use alloy_primitives::Bytes;
use commonware_codec::Encode;
use commonware_consensus::{
    marshal::core::{Mailbox, Variant},
    types::Height,
};
use futures::{FutureExt, future::BoxFuture};

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
