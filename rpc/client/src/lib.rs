//! Asks a node by JSON-RPC over HTTP, within limits.
//!
//! ## What it promises
//! * A call blocks its thread, for [`Config::timeout`] at most. It is made once: whoever wants to repeat it asks
//!   [`CallError::may_pass`] whether that can help.
//! * [`Client::batch`] sends several calls in one request; answers come back in the order of the calls, in whatever order the node gave
//!   them, each with a result or an error of its own. What a node may refuse as a whole is the error of the whole.
//! * A result of `null` is a result, and so is none: both are `null`.
//! * What may be secret in a URL, its path, query and credentials, is in no message: [`Client::name`] is scheme and host.
//!
//! ## Limits
//! An answer has at most [`Config::most_bytes`], an error text 500 characters, without control characters. Redirections are not followed.
//! Nothing else of an answer is trusted either: unknown ids are passed over.
//!
//! ## What happens when things fail
//! | what | error |
//! |---|---|
//! | no connection, no answer in time, one that is too large, an answer without JSON and HTTP status 429 or 5xx | [`CallError::Unreachable`] |
//! | an error of JSON-RPC, whatever the HTTP status | [`CallError::Refused`] |
//! | anything else | [`CallError::Unusable`] |

mod answer;
mod client;
mod error;

pub use client::{Client, Config};
pub use error::{CallError, InvalidUrl};
