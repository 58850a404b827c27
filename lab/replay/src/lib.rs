//! Replays real blocks from files.

mod block_file;
mod check;
mod compare;
mod error;
mod fetch;
mod format;
mod page;
mod prepare;
mod record;
mod replay;
mod source;
mod table;

pub use block_file::BlockFile;
pub use compare::{Against, Difference, MAX_DIFFERENCES};
pub use error::{FieldError, InputError};
pub use fetch::{FetchError, FetchOptions, Fetched, RpcError, fetch_block};
pub use format::{BlockNumber, PreAccount, Quantity, Unique};
pub use page::{PageBlock, render_page};
pub use prepare::{ReplayBlock, TransactionInfo};
pub use record::{
    BlockRecord, CriticalPathRecord, RECORD_VERSION, ReplayRecord, Totals, UnusableFile, WorstBlock,
};
pub use replay::{ReplayError, ReplayOptions, Replayed, replay};
pub use source::{MAX_FILE_BYTES, MAX_FILES, MAX_JSON_BYTES, block_files};
