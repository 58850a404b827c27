//! Bodies of HTTP requests, read within limits, and of answers.

use crate::{
    answer::Room,
    budget::{Budget, Charge},
    config::TransportLimits,
};
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// Bytes that are set aside for a body of unknown or claimed length before any have come.
const FIRST_BYTES: usize = 64 << 10;

/// A request that was read.
pub(crate) struct Received {
    pub(crate) bytes: Bytes,
    pub(crate) _charge: Charge,
}

/// Why a request was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Larger than allowed.
    TooLarge,
    /// Took too long.
    TooSlow,
    /// Too much is held for other requests.
    NoRoom,
    /// The client went away, or broke the protocol.
    Broken,
}

/// Reads a whole body.
pub(crate) async fn receive<B>(body: B, limits: &TransportLimits, budget: &Budget) -> Result<Received, Unread>
where
    B: Body<Data = Bytes> + Unpin,
{
    let claimed = body.size_hint().lower();
    if claimed > limits.request_bytes as u64 {
        return Err(Unread::TooLarge);
    }
    match tokio::time::timeout(limits.body, collect(body, claimed as usize, limits.request_bytes, budget))
        .await
    {
        Ok(received) => received,
        Err(_) => Err(Unread::TooSlow),
    }
}

async fn collect<B>(mut body: B, claimed: usize, most: usize, budget: &Budget) -> Result<Received, Unread>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut charge = budget.charge(0).ok_or(Unread::NoRoom)?;
    let mut collected = BytesMut::new();
    let mut length = 0;
    loop {
        let frame = match body.frame().await {
            Some(Ok(frame)) => frame,
            Some(Err(_)) => return Err(Unread::Broken),
            None => return Ok(Received { bytes: collected.freeze(), _charge: charge }),
        };
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length > most {
            return Err(Unread::TooLarge);
        }
        if !budget.grow(&mut charge, data.len()) {
            return Err(Unread::NoRoom);
        }
        // Most bodies come in one piece, which need not be copied.
        if collected.is_empty() && data.len() >= claimed && body.is_end_stream() {
            return Ok(Received { bytes: data, _charge: charge });
        }
        if collected.is_empty() {
            collected.reserve(claimed.clamp(data.len(), FIRST_BYTES.max(data.len())));
        }
        collected.extend_from_slice(&data);
    }
}

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum AnswerBody {
    /// Bytes, and what is kept until they are written.
    Whole(Bytes, Room),
    /// A page.
    Page(axum::body::Body),
}

impl AnswerBody {
    pub(crate) fn text(text: impl Into<Bytes>) -> Self {
        Self::Whole(text.into(), Room::default())
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match &mut *self {
            Self::Whole(bytes, _) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes, room) => {
                let held = Held { bytes: std::mem::take(bytes), _room: std::mem::take(room) };
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(held)))))
            }
            Self::Page(page) => Pin::new(page).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes, _) => bytes.is_empty(),
            Self::Page(page) => page.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes, _) => SizeHint::with_exact(bytes.len() as u64),
            Self::Page(page) => page.size_hint(),
        }
    }
}

/// Bytes that give back their room when they have been written.
struct Held {
    bytes: Bytes,
    _room: Room,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{Full, StreamBody};
    use std::convert::Infallible;

    fn limits() -> TransportLimits {
        TransportLimits { request_bytes: 10, ..TransportLimits::default() }
    }

    fn pieces(pieces: &'static [&'static str]) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
        StreamBody::new(futures::stream::iter(
            pieces.iter().map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes())))),
        ))
    }

    #[tokio::test]
    async fn bodies_are_read_up_to_the_limit() {
        let budget = Budget::new(100);
        let whole = receive(Full::new(Bytes::from_static(b"0123456789")), &limits(), &budget).await;
        assert_eq!(whole.ok().unwrap().bytes, "0123456789");
        let three = receive(pieces(&["012", "345", "6789"]), &limits(), &budget).await;
        assert_eq!(three.ok().unwrap().bytes, "0123456789");
        let claimed = receive(Full::new(Bytes::from_static(b"0123456789a")), &limits(), &budget).await;
        assert_eq!(claimed.err(), Some(Unread::TooLarge));
        let streamed = receive(pieces(&["012345", "6789a"]), &limits(), &budget).await;
        assert_eq!(streamed.err(), Some(Unread::TooLarge));
        assert!(budget.charge(100).is_some(), "all room is given back");
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_that_never_end_are_given_up() {
        let endless = StreamBody::new(futures::stream::pending::<Result<Frame<Bytes>, Infallible>>());
        assert_eq!(receive(endless, &limits(), &Budget::new(100)).await.err(), Some(Unread::TooSlow));
    }

    #[tokio::test]
    async fn bodies_need_room() {
        let budget = Budget::new(8);
        let body = receive(pieces(&["012345", "678"]), &limits(), &budget).await;
        assert_eq!(body.err(), Some(Unread::NoRoom));
    }

    #[tokio::test]
    async fn an_answer_takes_room_until_it_is_written() {
        let budget = Budget::new(8);
        let mut body = AnswerBody::Whole(Bytes::from_static(b"12345678"), budget.charge(8).unwrap().into());
        let data = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(body.frame().await.is_none());
        drop(body);
        assert!(budget.charge(1).is_none());
        drop(data);
        assert!(budget.charge(8).is_some());
    }
}
