//! Block tests: a chain is imported on a genesis.

use crate::{
    alloc::{self, Alloc, ChainConfig},
    chain::{Chain, ImportError},
    engine::Engine,
    failure::{Reason, expect},
    runner::Recorder,
    states::{Record, States},
    stored::{Place, Stored},
    world::{World, Worlds},
};
use alloy_consensus::{Block, TxEnvelope};
use alloy_primitives::{B256, Bytes, Sealed, hex};
use mundi_chain::decode_block;
use mundi_execution::StateChanges;
use mundi_state::BlockRecord;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockTest {
    network: String,
    config: Option<ChainConfig>,
    pre: Alloc,
    #[serde(rename = "genesisRLP")]
    genesis_rlp: Bytes,
    genesis_block_header: HeaderHash,
    blocks: Vec<TestBlock>,
    #[serde(rename = "lastblockhash")]
    last_block_hash: B256,
    post_state: Option<Alloc>,
    post_state_hash: Option<B256>,
}

#[derive(Debug, Deserialize)]
struct HeaderHash {
    hash: B256,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TestBlock {
    /// A text: what an invalid block consists of need not be bytes.
    rlp: String,
    expect_exception: Option<String>,
    block_header: Option<HeaderHash>,
}

/// Runs the one vector of a test, with its states in memory or in a store.
pub(crate) fn run(json: &str, engine: &Engine<'_>, place: Option<Place<'_>>, recorder: &mut Recorder<'_>) {
    recorder.vector(|| {
        let test: BlockTest = serde_json::from_str(json).map_err(Reason::malformed)?;
        test.vector(engine, place)
    });
}

impl BlockTest {
    fn vector(&self, engine: &Engine<'_>, place: Option<Place<'_>>) -> Result<(), Reason> {
        let spec = alloc::chain_spec(&self.network, self.config.as_ref())?;
        let genesis = decode_block(&self.genesis_rlp)
            .map_err(|error| Reason::malformed(format_args!("genesis: {error}")))?;
        let alloc = alloc::changes(&self.pre);
        let world = World::new(&alloc);
        expect("genesis hash", self.genesis_block_header.hash, genesis.hash())?;
        expect("genesis state root", genesis.header.state_root, world.root())?;
        let genesis = record_of(genesis)?;
        let post = self.post_state.as_ref().map(alloc::changes);
        match place {
            None => {
                let states = Worlds::new(genesis.hash, world);
                self.import(Chain::new(spec, engine, genesis, states), post.as_ref())?;
                Ok(())
            }
            Some(place) => {
                let states = Stored::create(place, &genesis, alloc)?;
                let chain = Chain::new(spec, engine, genesis, states);
                self.import(chain, post.as_ref())?.finish(post.as_ref())
            }
        }
    }

    /// Imports all blocks and compares the head; gives the states back.
    fn import<S: States>(&self, mut chain: Chain<'_, S>, post: Option<&StateChanges>) -> Result<S, Reason> {
        for (index, block) in self.blocks.iter().enumerate() {
            import(&mut chain, block).map_err(|reason| reason.in_block(index))?;
        }
        let head = chain.head();
        expect("last block hash", self.last_block_hash, head.hash)?;
        let post = post.map(|post| World::new(post).root()).or(self.post_state_hash);
        match post {
            Some(root) => expect("post-state root", root, head.header.state_root)?,
            None => return Err(Reason::malformed("neither postState nor postStateHash")),
        }
        Ok(chain.into_states())
    }
}

/// The genesis as it is kept.
fn record_of(genesis: Sealed<Block<TxEnvelope>>) -> Result<Record, Reason> {
    let (Block { header, body }, hash) = genesis.into_parts();
    if !body.transactions.is_empty() {
        return Err(Reason::malformed("the genesis has transactions"));
    }
    let total_difficulty = header.difficulty;
    let (senders, receipts) = (Vec::new(), Vec::new());
    Ok(Arc::new(BlockRecord { header, hash, total_difficulty, body, senders, receipts }))
}

fn import<S: States>(chain: &mut Chain<'_, S>, block: &TestBlock) -> Result<(), Reason> {
    let imported = match hex::decode(&block.rlp) {
        Ok(bytes) => chain.import(&bytes).map_err(|error| match error {
            ImportError::Invalid(invalid) => Ok(invalid.to_string()),
            ImportError::Broken(reason) => Err(reason),
        }),
        Err(error) => Err(Ok(error.to_string())),
    };
    match (imported, &block.expect_exception, &block.block_header) {
        (Err(Err(reason)), ..) => Err(reason),
        (Err(Ok(_)), Some(_), _) | (Err(Ok(_)), _, None) => Ok(()),
        (Err(Ok(rejection)), None, Some(_)) => Err(Reason::Rejected(rejection)),
        (Ok(_), Some(exception), _) => Err(Reason::Accepted(exception.clone())),
        (Ok(_), None, None) => Err(Reason::Accepted("no header is given".into())),
        (Ok(hash), None, Some(header)) => expect("block hash", header.hash, hash),
    }
}
