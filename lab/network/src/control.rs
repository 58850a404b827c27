//! Orders to a supervisor, over a Unix socket in the folder of its network.
//!
//! ## Protocol
//! A client connects, writes one [`Order`] as a line of JSON, and reads one [`Answer`] as a line of JSON; then the connection ends. An
//! order has at most [`MAX_ORDER`] bytes and [`ORDER_TIME`] to arrive; there are at most [`MAX_CLIENTS`] clients at a time. An order
//! that is unknown, has unknown fields or names a node that does not exist is refused with the reason, and changes nothing.
//!
//! Only the owner of the folder can connect: `run/` is closed to everybody else.
//!
//! An answer comes when the order is carried out: that of `kill` when the process is gone, that of `down` when all are. It tells what
//! happened, not what was wished: an order that is carried out, and with which a node failed, is answered by [`Answer::Failed`].

mod client;
mod message;
mod server;

pub use client::{AskError, ask};
pub use message::{Answer, LinkChange, Order};
pub use server::{MAX_CLIENTS, MAX_ORDER, ORDER_TIME};

pub(crate) use server::{Envelope, bind, serve};
