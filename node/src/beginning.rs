//! How a node that follows others begins: with their genesis, and with a state of theirs if they are far ahead.

use crate::{
    datadir::DataDir,
    error::NodeError,
    ordering::{FollowOrdering, Ordering},
    threads::Threads,
};
use mundi_consensus::follow::Upstream;
use mundi_state::{Config, Watch};
use std::{fs, path::Path, sync::Arc};

/// Begins the chain in a folder, if there is none and the node follows others. `genesis` names a file to use in place of theirs.
///
/// If theirs is a wrong one it does no harm but that the folder is of no use: certificates are made over its hash, so none of the
/// network's holds for it.
pub(crate) fn begin_as_others(
    folder: &DataDir,
    genesis: Option<&Path>,
    ordering: &Ordering,
    config: &Config,
    threads: &Threads,
) -> Result<(), NodeError> {
    let Ordering::Follow(ordering) = ordering else { return Ok(()) };
    if folder.is_begun() {
        return Ok(());
    }
    let upstreams = ordering.upstreams()?;
    let json = match genesis {
        Some(path) => fs::read(path).map_err(NodeError::file("read the genesis file", path))?,
        None => fetch_genesis(folder, &upstreams, threads)?,
    };
    begin(folder, json, ordering, upstreams, config, threads)
}

fn fetch_genesis(
    folder: &DataDir,
    upstreams: &[Arc<dyn Upstream>],
    threads: &Threads,
) -> Result<Vec<u8>, NodeError> {
    let mut silence = ("nobody".to_owned(), "there is nobody to ask".to_owned());
    for upstream in upstreams {
        match threads.network.block_on(upstream.genesis()) {
            Ok(json) => {
                tracing::info!(target: "node", from = upstream.name(), "the genesis was fetched");
                return Ok(json.into_bytes());
            }
            Err(error) => silence = (upstream.name().to_owned(), error.to_string()),
        }
    }
    let (upstream, reason) = silence;
    Err(NodeError::NoGenesis { path: folder.path().into(), upstream, reason })
}

fn begin(
    folder: &DataDir,
    json: Vec<u8>,
    ordering: &FollowOrdering,
    upstreams: Vec<Arc<dyn Upstream>>,
    config: &Config,
    threads: &Threads,
) -> Result<(), NodeError> {
    let genesis = folder.parse_genesis(&json)?;
    for found in ordering.states(genesis.hash, upstreams) {
        let (height, bytes, from) = (found.header().number, found.bytes(), found.upstream());
        tracing::info!(target: "node", height, bytes, from, "beginning with a state");
        folder.keep_genesis(&json)?;
        match found.import(folder.path(), config, &threads.background, Watch::NOBODY) {
            Ok(_) => {
                tracing::info!(target: "node", height, "the state is there, and is what a certificate proves");
                return Ok(());
            }
            Err(error) => tracing::warn!(target: "node", height, from, %error, "this state is of no use"),
        }
    }
    folder.begin(json, config, &threads.background)
}
