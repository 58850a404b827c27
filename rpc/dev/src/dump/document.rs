//! The form of a dump.

use super::DumpError;
use alloy_consensus::{Block as ConsensusBlock, Header, TxEnvelope};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::{Decodable as _, Encodable as _};
use mundi_chain::{ChainSpec, Genesis, decode_block};
use mundi_execution::{Account, AccountChange, StateChanges};
use mundi_state::BlockRecord;
use revm::bytecode::Bytecode;
use serde::{Deserialize, Serialize};

/// The version of the form.
pub(super) const VERSION: u32 = 1;

/// A chain as a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dump {
    /// The version, and what tells the document from others.
    pub(super) mundi_chain: u32,
    pub(super) chain_id: u64,
    pub(super) origin: Origin,
    /// All blocks after the first.
    pub(super) blocks: Vec<Block>,
    /// Changes that the next block would begin with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) edits: Option<Changes>,
}

/// The first block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Origin {
    pub(super) number: u64,
    pub(super) hash: B256,
    /// Its header in RLP.
    pub(super) header: Bytes,
    /// Its state, unless that is somewhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<Changes>,
}

/// A block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Block {
    pub(super) rlp: Bytes,
    /// Who sent the transactions: signatures of impersonated senders do not tell.
    pub(super) senders: Vec<Address>,
    /// What was changed before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) edits: Option<Changes>,
}

/// Changes of a state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Changes {
    accounts: Vec<Change>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    code: Vec<Bytes>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Change {
    address: Address,
    /// `None`: it no longer exists.
    account: Option<Fields>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    wiped: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    storage: Vec<(U256, U256)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fields {
    nonce: u64,
    balance: U256,
    code_hash: B256,
}

/// A block with what was changed before it, decoded.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) hash: B256,
    pub(super) block: ConsensusBlock<TxEnvelope>,
    pub(super) senders: Vec<Address>,
    pub(super) edits: Option<StateChanges>,
}

impl Origin {
    pub(super) fn of(block: &BlockRecord, state: Option<&StateChanges>) -> Self {
        Self {
            number: block.header.number,
            hash: block.hash,
            header: alloy_rlp::encode(&block.header).into(),
            state: state.map(Changes::of),
        }
    }
}

impl Block {
    pub(super) fn of(block: &BlockRecord, edits: Option<Changes>) -> Self {
        let whole = ConsensusBlock { header: block.header.clone(), body: block.body.clone() };
        let mut rlp = Vec::with_capacity(whole.length());
        whole.encode(&mut rlp);
        Self { rlp: rlp.into(), senders: block.senders.clone(), edits }
    }

    pub(super) fn decode(&self) -> Result<Decoded, DumpError> {
        let block = decode_block(&self.rlp).map_err(super::malformed)?;
        let hash = block.seal();
        let block = block.into_inner();
        let (number, count) = (block.header.number, block.body.transactions.len());
        if self.senders.len() != count {
            let problem = format!("block {number}: {} senders for {count} transactions", self.senders.len());
            return Err(DumpError::Malformed(problem));
        }
        let edits = self.edits.as_ref().map(Changes::to_state_changes);
        Ok(Decoded { hash, block, senders: self.senders.clone(), edits })
    }
}

impl Changes {
    pub(super) fn of(changes: &StateChanges) -> Self {
        let mut sorted = changes.clone();
        sorted.sort();
        let accounts = sorted.accounts.into_iter().map(|change| Change {
            address: change.address,
            account: change.account.map(|Account { nonce, balance, code_hash }| Fields {
                nonce,
                balance,
                code_hash,
            }),
            wiped: change.storage_wiped,
            storage: change.storage,
        });
        let code = sorted.code.iter().map(|(_, code)| code.original_bytes());
        Self { accounts: accounts.collect(), code: code.collect() }
    }

    pub(super) fn to_state_changes(&self) -> StateChanges {
        let accounts = self.accounts.iter().map(|change| AccountChange {
            address: change.address,
            account: change.account.as_ref().map(|Fields { nonce, balance, code_hash }| Account {
                nonce: *nonce,
                balance: *balance,
                code_hash: *code_hash,
            }),
            storage_wiped: change.wiped,
            storage: change.storage.clone(),
        });
        let mut changes = StateChanges { accounts: accounts.collect(), code: Vec::new() };
        for code in &self.code {
            let hash = keccak256(code);
            let code = Bytecode::new_raw_checked(code.clone())
                .unwrap_or_else(|_| Bytecode::new_legacy(code.clone()));
            changes.code.push((hash, code));
        }
        changes.sort();
        changes
    }
}

impl Dump {
    /// Refuses what contradicts itself.
    pub(super) fn check(&self) -> Result<(), DumpError> {
        if self.mundi_chain != VERSION {
            return Err(DumpError::mismatch("version of the dump", VERSION, self.mundi_chain));
        }
        let header = self.header()?;
        if header.number != self.origin.number {
            return Err(DumpError::mismatch("origin.number", header.number, self.origin.number));
        }
        Ok(())
    }

    pub(super) fn header(&self) -> Result<Header, DumpError> {
        let mut rest = &self.origin.header[..];
        let header =
            Header::decode(&mut rest).map_err(|error| super::malformed(format!("origin.header: {error}")))?;
        if !rest.is_empty() {
            return Err(DumpError::Malformed("origin.header: bytes follow it".into()));
        }
        Ok(header)
    }

    /// The blocks after the first, each the child of the one before.
    pub(super) fn decoded(&self) -> Result<Vec<Decoded>, DumpError> {
        let (mut number, mut parent) = (self.origin.number, self.origin.hash);
        let mut blocks = Vec::with_capacity(self.blocks.len());
        for block in &self.blocks {
            let decoded = block.decode()?;
            let header = &decoded.block.header;
            number += 1;
            if header.number != number {
                return Err(DumpError::mismatch("number of a block", number, header.number));
            }
            if header.parent_hash != parent {
                return Err(DumpError::mismatch(
                    format!("parent of block {number}"),
                    parent,
                    header.parent_hash,
                ));
            }
            parent = decoded.hash;
            blocks.push(decoded);
        }
        Ok(blocks)
    }

    /// The chain id.
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// How the dumped chain began, by the rules of `spec`; `None` if its first state is that of a remote chain. A chain that
    /// begins like this takes the dump block by block, with the same hashes.
    pub fn genesis(&self, spec: ChainSpec) -> Result<Option<Genesis>, DumpError> {
        let Some(state) = &self.origin.state else { return Ok(None) };
        if spec.chain_id() != self.chain_id {
            return Err(DumpError::mismatch("chain id", spec.chain_id(), self.chain_id));
        }
        let header = self.header()?;
        let hash = header.hash_slow();
        if hash != self.origin.hash {
            return Err(DumpError::mismatch("origin.hash", hash, self.origin.hash));
        }
        Ok(Some(Genesis { spec, header, hash, alloc: state.to_state_changes(), ignored: Vec::new() }))
    }
}
