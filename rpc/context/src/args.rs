//! Parameters of a call, one after another.

use crate::error::RpcError;
use jsonrpsee::types::{Params, params::ParamsSequence};
use serde::de::DeserializeOwned;

/// Characters that an error says of what is wrong with a parameter.
const MAX_DETAIL: usize = 512;

/// The positional parameters of a call.
#[derive(Debug)]
pub struct Args<'a> {
    rest: ParamsSequence<'a>,
    names: &'a [&'static str],
    at: usize,
}

impl<'a> Args<'a> {
    pub(crate) fn new(params: &'a Params<'_>, names: &'a [&'static str]) -> Self {
        Self { rest: params.sequence(), names, at: 0 }
    }

    fn name(&self) -> &'static str {
        self.names.get(self.at).copied().unwrap_or("?")
    }

    fn bad(&self, error: &jsonrpsee::types::ErrorObjectOwned) -> RpcError {
        let detail = error.data().map_or_else(|| error.message().to_owned(), |data| data.get().to_owned());
        let detail = serde_json::from_str::<String>(&detail).unwrap_or(detail);
        // It repeats the client's own text, which may be megabytes.
        let detail: String = detail.chars().take(MAX_DETAIL).collect();
        RpcError::invalid_params(format!("invalid argument {} ({}): {detail}", self.at, self.name()))
    }

    /// The next parameter, which has to be there.
    #[expect(clippy::should_implement_trait, reason = "each parameter has a type of its own")]
    pub fn next<T: DeserializeOwned>(&mut self) -> Result<T, RpcError> {
        match self.rest.optional_next::<T>() {
            Ok(Some(value)) => {
                self.at += 1;
                Ok(value)
            }
            Ok(None) => Err(RpcError::invalid_params(format!(
                "missing value for required argument {} ({})",
                self.at,
                self.name()
            ))),
            Err(error) => Err(self.bad(&error)),
        }
    }

    /// The next parameter, if it is there and not `null`.
    pub fn optional<T: DeserializeOwned>(&mut self) -> Result<Option<T>, RpcError> {
        let value = self.rest.optional_next::<T>().map_err(|error| self.bad(&error))?;
        self.at += 1;
        Ok(value)
    }
}
