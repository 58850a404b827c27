//! Replays real blocks from files.

mod block_file;
mod check;
mod compare;
mod error;
mod format;
mod prepare;
mod record;
mod replay;
mod source;
mod table;

pub use block_file::BlockFile;
pub use compare::{Against, Difference, MAX_DIFFERENCES};
pub use error::{FieldError, InputError};
pub use format::{BlockNumber, PreAccount, Quantity, Unique};
pub use prepare::{ReplayBlock, TransactionInfo};
pub use record::{BlockRecord, CriticalPathRecord, RECORD_VERSION, ReplayRecord, Totals, WorstBlock};
pub use replay::{ReplayError, ReplayOptions, Replayed, replay};
pub use source::{MAX_FILE_BYTES, MAX_FILES, MAX_JSON_BYTES, block_files};
