//! Answers that are written item by item, within a bound.

use crate::watch::{Allowance, Stop};
use mundi_rpc_context::{Ctx, RpcError};
use serde::Serialize;
use serde_json::value::RawValue;
use std::time::Duration;

/// JSON that is ready to be sent.
pub(crate) type Json = Box<RawValue>;

/// A list that is written as it grows.
#[derive(Debug)]
pub(crate) struct List {
    json: Vec<u8>,
    allowance: Allowance,
}

/// A request of many transactions has so many times the time of one.
const REQUEST_TIMES: u32 = 12;

/// What one trace of an answer may take when nothing else is in it.
pub(crate) fn allowance(ctx: &Ctx, time: Option<Duration>) -> Allowance {
    let (most, of) = (ctx.limits.call_time, ctx.limits.response_bytes);
    let time = time.map_or(most, |time| time.min(most));
    Allowance { time, until: None, bytes: of, of }.within(most.saturating_mul(REQUEST_TIMES))
}

impl List {
    /// A list as part of an answer.
    pub(crate) fn new(allowance: Allowance) -> Self {
        Self { json: vec![b'['], allowance }
    }

    /// What the next item may take.
    pub(crate) const fn allowance(&self) -> Allowance {
        let bytes = self.allowance.bytes.saturating_sub(self.json.len());
        Allowance { bytes, ..self.allowance }
    }

    /// Appends an item.
    pub(crate) fn push(&mut self, item: &impl Serialize) -> Result<(), RpcError> {
        if self.json.len() > 1 {
            self.json.push(b',');
        }
        serde_json::to_writer(&mut self.json, item).map_err(RpcError::internal)?;
        if self.json.len() > self.allowance.bytes {
            return Err(self.allowance.error(Stop::Size));
        }
        Ok(())
    }

    /// The whole list.
    pub(crate) fn finish(mut self) -> Result<Json, RpcError> {
        self.json.push(b']');
        raw(String::from_utf8(self.json).map_err(RpcError::internal)?)
    }
}

/// Text that is JSON.
pub(crate) fn raw(json: String) -> Result<Json, RpcError> {
    RawValue::from_string(json).map_err(RpcError::internal)
}

/// A value as JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<Json, RpcError> {
    serde_json::value::to_raw_value(value).map_err(RpcError::internal)
}
