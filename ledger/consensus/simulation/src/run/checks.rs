//! What has to hold at the end of a run.

use super::Simulation;
use crate::{
    load::MOST,
    node::{Live, Node},
    record::Seen,
};
use alloy_primitives::B256;
use commonware_codec::{Copying, Decode as _};
use commonware_consensus::simplex::types::Finalization;
use commonware_cryptography::Digestible as _;
use commonware_parallel::Sequential;
use commonware_runtime::{Metrics as _, Supervisor as _, deterministic::Context};
use mundi_consensus::{Payload, Scheme, bft::Spread};

/// Newest heights whose certificates are checked at every validator.
const CERTIFICATES: u64 = 12;

/// Tasks that a machine may have.
const MOST_TASKS: u64 = 128;

/// Messages that may be on their way between two machines.
const MOST_FLYING: usize = 2_048;

impl<K: Spread> Simulation<'_, K> {
    /// Looks at everything; the first thing that is wrong is the error.
    pub(super) async fn check(&self) -> Result<(), String> {
        self.honest_hear_each_other()?;
        self.memory_is_bounded()?;
        let mut certified = 0;
        for node in self.nodes.iter().filter(|node| node.honest) {
            let Some(live) = node.live() else { continue };
            let own = live.ledger.head().block.header.number;
            self.blocks_agree(node, &live, own)?;
            self.transactions_are_there(node, &live, own)?;
            for height in own.saturating_sub(CERTIFICATES).max(1)..=own {
                certified += u64::from(self.is_certified(node.end, &live, height).await?);
            }
        }
        match certified {
            0 => Err(format!("nobody has a certificate of any of the last {CERTIFICATES} blocks")),
            _ => Ok(()),
        }
    }

    /// No honest validator shuts another one out.
    fn honest_hear_each_other(&self) -> Result<(), String> {
        let honest = |member: &usize| self.plan.is_honest(*member);
        match self.wires.blocks().into_iter().find(|(by, whom)| honest(by) && honest(whom)) {
            None => Ok(()),
            Some((by, whom)) => Err(format!("validator {by} shuts out {whom}, and both are honest")),
        }
    }

    /// What lives in a network of validators at rest does not grow with its history.
    fn memory_is_bounded(&self) -> Result<(), String> {
        let tasks = running_tasks(&self.context);
        let machines = self.nodes.len();
        if tasks > MOST_TASKS * machines as u64 {
            return Err(format!("{tasks} tasks run on {machines} machines"));
        }
        let flying = self.wires.most_flying();
        if flying > MOST_FLYING * machines * machines {
            return Err(format!("{flying} messages were on their way between {machines} machines"));
        }
        for node in self.nodes.iter().filter(|node| node.honest) {
            let Some(live) = node.live() else { continue };
            let status = live.pool.status();
            // What was final when users stopped is executed here: no more is left than they waited for then.
            let pooled = status.pending + status.queued;
            if pooled > MOST {
                let end = node.end;
                return Err(format!(
                    "{pooled} transactions are in the pool of node {end}, and {MOST} may wait"
                ));
            }
        }
        Ok(())
    }

    /// A validator has every block as the others have it.
    fn blocks_agree(&self, node: &Node, live: &Live, own: u64) -> Result<(), String> {
        for height in 1..=own {
            let block = live.ledger.block(height).map_err(|error| error.to_string())?;
            let block = block.ok_or_else(|| format!("node {} has no block {height}", node.end))?;
            let Some(Seen { hash, by, .. }) = self.record.block(height) else {
                return Err(format!("block {height} of node {} was never made", node.end));
            };
            if block.hash != hash {
                let (end, own) = (node.end, block.hash);
                return Err(format!("block {height} is {own} at node {end} and {hash} at node {by}"));
            }
            if block.receipts.len() != block.body.transactions.len() {
                return Err(format!("block {height} of node {} lacks receipts", node.end));
            }
        }
        Ok(())
    }

    /// What was final for a user at any validator is there at all of them.
    fn transactions_are_there(&self, node: &Node, live: &Live, own: u64) -> Result<(), String> {
        for (hash, height) in self.record.all_confirmed() {
            if height > own {
                continue;
            }
            let found = live.ledger.transaction(&hash).map_err(|error| error.to_string())?;
            if found.as_ref().map(|(block, _)| block.header.number) != Some(height) {
                return Err(format!(
                    "transaction {hash} of block {height} is not there at node {}",
                    node.end
                ));
            }
        }
        Ok(())
    }

    /// Whether a height has a certificate of its own. It proves the payload under the group key, and the payload proves a block.
    async fn is_certified(&self, end: usize, live: &Live, height: u64) -> Result<bool, String> {
        let Some(payload) = live.archive.payload(height).await else {
            return Err(format!("node {end} has block {height} and not its payload"));
        };
        let payload = Payload::<K>::decode_cfg(Copying(&payload), &self.facts.rules.bounds)
            .map_err(|error| format!("payload {height} of node {end}: {error}"))?;
        let digest = B256::from_slice(&payload.digest());
        let Some(seen) = self.record.block(height) else { return Ok(false) };
        if digest != seen.digest {
            let named = seen.digest;
            return Err(format!("payload {height} of node {end} is {digest}, and the block names {named}"));
        }
        let anchor = payload.header().anchor;
        let anchored = self.record.block(anchor.height).map_or(self.facts.genesis.hash, |block| block.hash);
        if anchor.hash != anchored {
            let mundi_consensus::Anchor { height: at, hash } = anchor;
            return Err(format!("payload {height} names block {at} as {hash}, and it is {anchored}"));
        }
        let Some(certificate) = live.archive.certificate(height).await else { return Ok(false) };
        let verifier = self.facts.group_key.verifier(self.facts.genesis.hash);
        let finalization = Finalization::<Scheme, K::Commitment>::decode_cfg(Copying(&certificate), &())
            .map_err(|error| format!("certificate {height} of node {end}: {error}"))?;
        if B256::from_slice(&K::digest(&finalization.proposal.payload)) != digest {
            return Err(format!("certificate {height} of node {end} is of another payload"));
        }
        let mut rng = self.context.child("check");
        if !finalization.verify(&mut rng, &verifier, &Sequential) {
            return Err(format!("certificate {height} of node {end} is not signed by the group"));
        }
        Ok(true)
    }
}

/// Tasks that run, by what the runtime says of itself.
fn running_tasks(context: &Context) -> u64 {
    let encoded = context.encode();
    let running = encoded.lines().filter(|line| line.starts_with("runtime_tasks_running{"));
    running.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}
