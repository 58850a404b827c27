//! Chains that continue a remote one.
//!
//! ## What it promises
//! * The state of the remote chain after one block is read on demand over JSON-RPC, each value once as long as caches hold it
//!   ([`ForkState`]). Local blocks follow that block by height and hash.
//! * Questions about blocks up to that one, and about transactions, receipts and logs in them, are put to the remote node
//!   ([`Fork::wrap`]).
//!
//! ## Limits and failure
//! The remote node is trusted to tell the truth about its chain, and not to be well-behaved: answers are bounded and checked in
//! form, code by its hash; calls have a time limit and are repeated after faults that may pass. When it cannot be reached, reads
//! fail with an error that names its host, and nothing else does: a block that needs such a read is not made.
//!
//! State roots of local blocks are those of what was written locally, not Ethereum's: proofs of them are of little use.

mod forward;
mod remote;
mod state;

pub use remote::{CacheConfig, ForkConfig, RemoteError};
pub use state::ForkState;

use alloy_consensus::Header;
use alloy_primitives::{B256, KECCAK256_EMPTY, U64};
use alloy_rpc_types_eth::Header as RpcHeader;
use mundi_chain::{Beneath, ChainSpec, DeveloperGenesis, ForkPoint, Genesis, PresetError};
use mundi_execution::{AccountChange, StateChanges, StateError, StateSnapshot as _};
use mundi_rpc_client::CallError;
use mundi_rpc_context::RpcError;
use mundi_state::{Config, Store, StoreError};
use remote::Remote;
use serde_json::{Value, json, value::RawValue};
use std::{sync::Arc, time::Duration};

/// A block of a remote chain, and the way to its node.
#[derive(Debug)]
pub struct Fork {
    remote: Arc<Remote>,
    state: Arc<ForkState>,
    header: Header,
    hash: B256,
    chain_id: u64,
}

/// A chain that can be started on a remote block.
#[derive(Debug)]
pub struct ForkedChain {
    /// Empty, and above the remote block.
    pub store: Store,
    /// The rules of local blocks; header and hash are those of the remote block, and there is no state in it.
    pub genesis: Genesis,
    /// The remote state.
    pub beneath: Arc<Beneath>,
    /// To be [edited in](mundi_chain::Ledger::edit) before the [`Workbench`](crate::Workbench) is made: rich accounts, and the
    /// contracts that the rules speak of, as far as the remote chain lacks them.
    pub edits: StateChanges,
}

/// Why no chain can be started on a remote block.
#[derive(Debug, thiserror::Error)]
pub enum ForkError {
    /// The remote node does not answer as it should.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// Its state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The rules are not supported.
    #[error(transparent)]
    Preset(#[from] PresetError),
    /// The store cannot be made.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fork {
    /// Asks the remote node for the block. Blocks the thread.
    pub fn open(config: ForkConfig) -> Result<Self, ForkError> {
        let (block, cache) = (config.block, config.cache);
        let remote = Arc::new(Remote::new(config)?);
        let chain_id: U64 = remote.ask("eth_chainId", json!([]))?;
        let height = match block {
            Some(height) => height,
            None => remote.ask::<U64>("eth_blockNumber", json!([]))?.to(),
        };
        let found: Option<RpcHeader> =
            remote.ask("eth_getBlockByNumber", json!([U64::from(height), false]))?;
        let missing = || RemoteError::answer("eth_getBlockByNumber", format!("there is no block {height}"));
        let RpcHeader { hash, inner: header, .. } = found.ok_or_else(missing)?;
        if header.number != height {
            let message = format!("asked for block {height}, got block {}", header.number);
            return Err(RemoteError::answer("eth_getBlockByNumber", message).into());
        }
        let state = Arc::new(ForkState::new(Arc::clone(&remote), height, hash, cache));
        Ok(Self { remote, state, header, hash, chain_id: chain_id.to() })
    }

    /// The chain id of the remote chain.
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// Height of the block.
    pub const fn height(&self) -> u64 {
        self.header.number
    }

    /// Hash of the block.
    pub const fn hash(&self) -> B256 {
        self.hash
    }

    /// Header of the block.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The state after the block.
    pub const fn state(&self) -> &Arc<ForkState> {
        &self.state
    }

    /// The fork that local blocks should have: the one in force at the block, as far as that is known and supported, else the default
    /// of developers' chains.
    pub fn hardfork(&self) -> mundi_chain::EthereumHardfork {
        const MAINNET: u64 = 1;
        let default = DeveloperGenesis::default().fork;
        if self.chain_id != MAINNET {
            return default;
        }
        let point = ForkPoint::new(self.header.number, self.header.timestamp);
        let fork = ChainSpec::mainnet().fork_at(point);
        DeveloperGenesis::fork_named(&fork.to_string()).unwrap_or(default)
    }

    /// Where the remote node is.
    pub fn url(&self) -> String {
        self.remote.url()
    }

    /// The same without what may be secret.
    pub fn shown_url(&self) -> String {
        self.remote.shown_url()
    }

    /// Asks another node from here on, which has to have the same chain.
    pub fn set_url(&self, url: &str) -> Result<(), RemoteError> {
        self.remote.set_url(url)
    }

    /// The time before a failed call is repeated for the first time.
    pub fn backoff(&self) -> Duration {
        self.remote.config().backoff
    }

    /// A chain on top of the block. The preset says by which rules, and who is rich; its time and fees are those of the block.
    /// Blocks the thread.
    pub fn begin(
        &self,
        preset: &DeveloperGenesis,
        config: &Config,
        pool: &rayon::ThreadPool,
    ) -> Result<ForkedChain, ForkError> {
        let Genesis { spec, alloc, ignored, .. } = Genesis::developer(preset)?;
        let store = Store::above(config, self.header.clone(), self.hash, pool)?;
        let mut edits = StateChanges { accounts: Vec::new(), code: alloc.code };
        for change in alloc.accounts {
            let Some(wanted) = change.account else { continue };
            let mut account = self.state.account(&change.address)?.unwrap_or_default();
            if wanted.code_hash != KECCAK256_EMPTY {
                if account.code_hash != KECCAK256_EMPTY {
                    continue;
                }
                (account.code_hash, account.nonce) = (wanted.code_hash, account.nonce.max(wanted.nonce));
            }
            if preset.accounts.contains(&change.address) {
                account.balance = preset.balance;
                // Keys that everybody knows: on public chains somebody has delegated such accounts.
                account.code_hash = wanted.code_hash;
            }
            edits.accounts.push(AccountChange { account: Some(account), ..change });
        }
        let genesis = Genesis {
            spec,
            header: self.header.clone(),
            hash: self.hash,
            alloc: StateChanges::default(),
            ignored,
        };
        let beneath = Arc::new(Beneath::new(Arc::clone(&self.state) as _));
        Ok(ForkedChain { store, genesis, beneath, edits })
    }

    /// Puts a question to the remote node as it is. Blocks the thread.
    pub fn forward(&self, method: &str, params: &Value) -> Result<Box<RawValue>, RpcError> {
        self.remote.call(method, params).map_err(|error| match error {
            RemoteError::Call { error: CallError::Refused { code, message, data }, .. } => {
                let code = i32::try_from(code).unwrap_or(mundi_rpc_context::code::INTERNAL);
                RpcError { code, message, data: data.map(|data| *data) }
            }
            error => RpcError::internal(error),
        })
    }
}
