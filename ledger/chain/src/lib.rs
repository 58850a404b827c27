//! What makes a chain of Ethereum blocks: fork schedules, everything about a block that can be said without its state,
//! and the way of blocks into a store.
//!
//! ## What it promises
//! A block whose parent is valid is valid exactly if all of these hold, in the order in which an importer asks:
//!
//! 1. [`decode_block`]: the bytes are the one encoding of a block;
//! 2. [`validate_header`]: the header follows from its parent;
//! 3. [`validate_ommers`] and [`validate_body`]: the body is the one the header commits to;
//! 4. [`recover_sender`]: each transaction has a sender, and a form that exists in the fork;
//! 5. the engine executes [`executable_block`] under the strict policy;
//! 6. [`validate_output`]: receipts, bloom, gas and requests are those of the header, and so is the state root,
//!    which the caller computes.
//!
//! [`ChainSpec`] says which rules hold where, and [`Genesis`] reads it, with the first block and state, from a
//! `genesis.json`. All of these are pure: no clock, no disk, no threads. Proof-of-work seals are not checked.
//!
//! [`Import`] puts them together with the engine and a store: blocks out of a file, checked, executed and kept. A [`Ledger`]
//! makes blocks: ordered [payloads](Payload) in, sealed blocks out.
//!
//! ## Limits and failure
//! Bytes from outside never panic; each error names the field, what it should be and what it is. A [`Parent`] has to be
//! valid itself; a genesis with absurd values has no valid child ([`HeaderError::BarrenParent`]).
//!
//! Which branch is canonical is the caller's to decide: before the Merge by total difficulty, after it by consensus.

mod body;
mod difficulty;
mod executable;
mod forks;
mod genesis;
mod header;
mod import;
mod ledger;
mod networks;
mod ommers;
mod output;
mod payload;
mod seal;
mod senders;

pub use alloy_hardforks::{EthereumHardfork, ForkCondition};
pub use body::{BodyError, DecodeError, MAX_BLOCK_SIZE, decode_block, decode_transaction, validate_body};
pub use difficulty::next_difficulty;
pub use executable::{block_env, executable_block};
pub use forks::{ChainSpec, ForkPoint};
pub use genesis::{
    CREATE2_DEPLOYER, DeveloperGenesis, Genesis, GenesisError, MAX_GENESIS_BYTES, PresetError,
};
pub use header::{
    DAO_EXTRA_DATA, DAO_EXTRA_RANGE, HeaderError, MAX_GAS_LIMIT, MIN_GAS_LIMIT, Parent, next_base_fee,
    next_excess_blob_gas, validate_header,
};
pub use import::{
    Busy, Import, ImportError, ImportOptions, ImportPools, ImportSummary, InvalidBlock, Progress,
};
pub use ledger::{
    Beneath, CommittedTransaction, Head, Ledger, LedgerConfig, LedgerError, LedgerEvent, LedgerObserver,
    LedgerPools, LedgerState, Sealed, Timings, draft_header,
};
pub use networks::{UnknownNetwork, network_fork};
pub use ommers::{Ancestor, MAX_OMMERS, OMMER_ANCESTORS, OmmerError, validate_ommers};
pub use output::{OutputError, validate_output};
pub use payload::{
    Finality, OrderedTransaction, Payload, PayloadSource, ProposalLimits, Sequencer, SharedSource,
};
pub use seal::{SealedParts, seal};
pub use senders::{BlockSenderError, SenderError, recover_sender, recover_senders};
