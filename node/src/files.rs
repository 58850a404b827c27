//! Open files: a store and many clients need more than the usual limit.

use crate::error::NodeError;

/// Raises the limit of open files of the process to what it may be raised to, and returns it; `None` is no limit.
pub fn raise_file_limit() -> Result<Option<u64>, NodeError> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        if current == maximum {
            return Ok(current);
        }
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).map_err(|error| {
            let limit = maximum.map_or("no limit".into(), |limit| limit.to_string());
            NodeError::Settings(format!("cannot raise the limit of open files to {limit}: {error}"))
        })?;
        Ok(maximum)
    }
    #[cfg(not(unix))]
    Ok(None)
}
