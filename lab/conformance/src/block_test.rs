//! Block tests: a chain is imported on a genesis.

use crate::{
    alloc::{self, Alloc, ChainConfig},
    chain::{Chain, ImportError},
    engine::Engine,
    failure::{Reason, expect},
    runner::Recorder,
};
use alloy_primitives::{B256, Bytes, Sealed, hex};
use mundi_chain::decode_block;
use serde::Deserialize;

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

/// Runs the one vector of a test.
pub(crate) fn run(json: &str, engine: &Engine<'_>, recorder: &mut Recorder<'_>) {
    recorder.vector(|| {
        let test: BlockTest = serde_json::from_str(json).map_err(Reason::malformed)?;
        test.vector(engine)
    });
}

impl BlockTest {
    fn vector(self, engine: &Engine<'_>) -> Result<(), Reason> {
        let spec = alloc::chain_spec(&self.network, self.config.as_ref())?;
        let genesis = decode_block(&self.genesis_rlp)
            .map_err(|error| Reason::malformed(format_args!("genesis: {error}")))?;
        let world = alloc::world(self.pre);
        expect("genesis hash", self.genesis_block_header.hash, genesis.hash())?;
        expect("genesis state root", genesis.header.state_root, world.root())?;
        let (genesis, hash) = genesis.into_parts();
        let mut chain = Chain::new(spec, engine, Sealed::new_unchecked(genesis.header, hash), world);
        for (index, block) in self.blocks.iter().enumerate() {
            import(&mut chain, block).map_err(|reason| reason.in_block(index))?;
        }
        let (hash, head) = chain.head();
        expect("last block hash", self.last_block_hash, hash)?;
        let post = self.post_state.map(|post| alloc::world(post).root()).or(self.post_state_hash);
        match post {
            Some(root) => expect("post-state root", root, head.state_root),
            None => Err(Reason::malformed("neither postState nor postStateHash")),
        }
    }
}

fn import(chain: &mut Chain<'_>, block: &TestBlock) -> Result<(), Reason> {
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
