//! What has to hold at the end of a run.

use super::{Simulation, lawful::Law};
use crate::{
    facts::Facts,
    load::MOST,
    node::{Live, Node},
    record::Seen,
};
use alloy_consensus::proofs::{calculate_receipt_root, calculate_transaction_root};
use alloy_primitives::B256;
use commonware_codec::{Copying, Decode as _};
use commonware_consensus::simplex::types::Finalization;
use commonware_cryptography::Digestible as _;
use commonware_parallel::Sequential;
use commonware_runtime::{Metrics as _, Supervisor as _, deterministic::Context};
use mundi_consensus::{Anchor, Header, Payload, Scheme, bft::Spread};
use mundi_state::BlockRecord;
use std::time::SystemTime;

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
        let law = self.law();
        let mut headers = vec![self.first()?];
        for node in self.world.nodes.iter().filter(|node| node.honest) {
            let Some(live) = node.live() else { continue };
            let own = live.ledger.head().block.header.number;
            self.blocks_agree(node, &live, own)?;
            self.transactions_are_there(node, &live, own)?;
            self.is_proved(node.end, &live, own).await?;
            for height in 1..=own {
                self.is_lawful(node.end, &live, height, &law, &mut headers).await?;
            }
        }
        Ok(())
    }

    fn law(&self) -> Law {
        let Facts { rules, group_key, genesis, .. } = &*self.world.facts;
        let latest = self.world.now() + rules.max_drift + self.plan.most_skew();
        let latest = latest.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        Law {
            max_lag: rules.max_lag,
            latest: u64::try_from(latest).unwrap_or(u64::MAX),
            verifier: group_key.verifier(genesis.hash),
        }
    }

    /// The header of what goes before the first payload.
    fn first(&self) -> Result<Header<K>, String> {
        let leader = self.world.facts.keys().into_iter().next().ok_or("there is no validator")?;
        let genesis = &self.world.facts.genesis;
        Ok(Payload::<K>::genesis(leader, genesis.hash, genesis.header.timestamp).header().clone())
    }

    /// No honest validator shuts another one out.
    fn honest_hear_each_other(&self) -> Result<(), String> {
        let honest = |member: &usize| self.plan.is_honest(*member);
        match self.world.wires.blocks().into_iter().find(|(by, whom)| honest(by) && honest(whom)) {
            None => Ok(()),
            Some((by, whom)) => Err(format!("validator {by} shuts out {whom}, and both are honest")),
        }
    }

    /// What lives in a network of validators at rest does not grow with its history.
    fn memory_is_bounded(&self) -> Result<(), String> {
        let tasks = running_tasks(&self.world.context);
        let machines = self.world.nodes.len();
        if tasks > MOST_TASKS * machines as u64 {
            return Err(format!("{tasks} tasks run on {machines} machines"));
        }
        let flying = self.world.wires.most_flying();
        if flying > MOST_FLYING * machines * machines {
            return Err(format!("{flying} messages were on their way between {machines} machines"));
        }
        for node in self.world.nodes.iter().filter(|node| node.honest) {
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
            let Some(Seen { hash, by, .. }) = self.world.record.block(height) else {
                return Err(format!("block {height} of node {} was never made", node.end));
            };
            if block.hash != hash {
                let (end, own) = (node.end, block.hash);
                return Err(format!("block {height} is {own} at node {end} and {hash} at node {by}"));
            }
            is_whole(&block).map_err(|what| format!("block {height} of node {}: {what}", node.end))?;
        }
        Ok(())
    }

    /// What was final for a user at any validator is there at all of them.
    fn transactions_are_there(&self, node: &Node, live: &Live, own: u64) -> Result<(), String> {
        for (hash, height) in self.world.record.all_confirmed() {
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

    /// A validator has the payload that a block names, and it keeps the rules. Headers are those that are known already, by height.
    async fn is_lawful(
        &self,
        end: usize,
        live: &Live,
        height: u64,
        law: &Law,
        headers: &mut Vec<Header<K>>,
    ) -> Result<(), String> {
        let payload = live.archive.payload(height).await;
        let payload = payload.ok_or_else(|| format!("node {end} has block {height} and not its payload"))?;
        let payload = Payload::<K>::decode_cfg(Copying(&payload), &self.world.facts.rules.bounds)
            .map_err(|error| format!("payload {height} of node {end}: {error}"))?;
        let digest = B256::from_slice(&payload.digest());
        let named = self.world.record.block(height).map(|seen| seen.digest);
        if named != Some(digest) {
            return Err(format!("payload {height} of node {end} is {digest}, and the block names {named:?}"));
        }
        if headers.len() as u64 > height {
            // It was the same at another one.
            return Ok(());
        }
        let before = headers.last().ok_or("nothing goes before")?;
        let mut rng = self.world.context.child("check");
        law.check(&payload, before, &mut rng)
            .map_err(|what| format!("payload {height}, which is final at node {end}, {what}"))?;
        let anchor = payload.header().anchor;
        let genesis = self.world.facts.genesis.hash;
        let anchored = self.world.record.block(anchor.height).map_or(genesis, |block| block.hash);
        if anchor.hash != anchored {
            let Anchor { height: at, hash } = anchor;
            return Err(format!("payload {height} names block {at} as {hash}, and it is {anchored}"));
        }
        headers.push(payload.header().clone());
        Ok(())
    }

    /// What a validator takes for proved it can prove to others; and all of its newest certificates are right.
    async fn is_proved(&self, end: usize, live: &Live, own: u64) -> Result<(), String> {
        let anchored = live.progress.anchored().max(1);
        let mut newest = 0;
        for height in own.saturating_sub(CERTIFICATES).min(anchored).max(1)..=own.max(live.progress.ordered())
        {
            if self.is_certified(end, live, height).await? {
                newest = height;
            }
        }
        match newest >= anchored {
            true => Ok(()),
            false => {
                Err(format!("node {end} takes block {anchored} for proved, and has no certificate for it"))
            }
        }
    }

    /// Whether a height has a certificate of its own. It is right under the group key, and of the payload that the block names.
    async fn is_certified(&self, end: usize, live: &Live, height: u64) -> Result<bool, String> {
        let Some(certificate) = live.archive.certificate(height).await else { return Ok(false) };
        let verifier = self.world.facts.group_key.verifier(self.world.facts.genesis.hash);
        let finalization = Finalization::<Scheme, K::Commitment>::decode_cfg(Copying(&certificate), &())
            .map_err(|error| format!("certificate {height} of node {end}: {error}"))?;
        let digest = B256::from_slice(&K::digest(&finalization.proposal.payload));
        if self.world.record.block(height).is_some_and(|seen| seen.digest != digest) {
            return Err(format!("certificate {height} of node {end} is of another payload"));
        }
        let mut rng = self.world.context.child("check");
        if !finalization.verify(&mut rng, &verifier, &Sequential) {
            return Err(format!("certificate {height} of node {end} is not signed by the group"));
        }
        Ok(true)
    }
}

/// Whether a block is what its header and hash say.
fn is_whole(block: &BlockRecord) -> Result<(), String> {
    let BlockRecord { header, hash, body, receipts, .. } = block;
    let same = |what: &str, is: B256, named: B256| match is == named {
        true => Ok(()),
        false => Err(format!("its {what} come to {is}, and not to {named}")),
    };
    same("contents", header.hash_slow(), *hash)?;
    same("transactions", calculate_transaction_root(&body.transactions), header.transactions_root)?;
    same("receipts", calculate_receipt_root(receipts), header.receipts_root)
}

/// Tasks that run, by what the runtime says of itself.
fn running_tasks(context: &Context) -> u64 {
    let encoded = context.encode();
    let running = encoded.lines().filter(|line| line.starts_with("runtime_tasks_running{"));
    running.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mundi_chain::{DeveloperGenesis, Genesis};

    #[test]
    fn blocks_that_are_not_what_they_say_are_noticed() {
        let whole = Genesis::developer(&DeveloperGenesis::default()).unwrap().record();
        assert_eq!(is_whole(&whole), Ok(()));
        let mut other = whole.clone();
        other.header.gas_used += 1;
        assert!(is_whole(&other).unwrap_err().starts_with("its contents come to "));
        let tx = crate::load::transfer(&crate::facts::account(1).unwrap(), 0, Default::default()).unwrap();
        let mut other = whole.clone();
        other.body.transactions.push(tx);
        assert!(is_whole(&other).unwrap_err().starts_with("its transactions come to "));
        let mut other = whole;
        other.receipts.push(alloy_consensus::ReceiptEnvelope::Legacy(Default::default()));
        assert!(is_whole(&other).unwrap_err().starts_with("its receipts come to "));
    }
}
