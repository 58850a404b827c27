//! What all validators of a simulated network have in common.

use alloy_primitives::{Address, B256};
use alloy_signer_local::PrivateKeySigner;
use commonware_runtime::{Supervisor as _, deterministic::Context};
use mundi_chain::{DeveloperGenesis, Genesis, LedgerPools};
use mundi_consensus::{Committee, Dealt, GroupKey, PublicKey, Rules, ValidatorFile, deal};
use std::sync::Arc;

/// Accounts that have money.
pub(crate) const ACCOUNTS: u64 = 4;

/// EIP-155 chain id of simulated chains.
pub(crate) const CHAIN: u64 = 31337;

/// When simulated networks begin, in seconds since 1970.
pub(crate) const BEGINNING: u64 = 1_800_000_000;

/// What all validators have in common.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) genesis: Genesis,
    pub(crate) committee: Committee,
    /// In the order of the committee.
    pub(crate) secrets: Vec<ValidatorFile>,
    pub(crate) group_key: GroupKey,
    pub(crate) rules: Rules,
    pub(crate) pools: LedgerPools,
    pub(crate) accounts: Vec<PrivateKeySigner>,
}

impl Facts {
    /// A network with so many validators, whose keys follow from the runtime's randomness. Some more accounts have money.
    pub(crate) fn new(context: &Context, validators: usize, more: &[Address]) -> Result<Self, String> {
        let said = |error: &dyn std::fmt::Display| error.to_string();
        let accounts = (1..=ACCOUNTS).map(account).collect::<Result<Vec<_>, _>>()?;
        let mut rich: Vec<Address> = accounts.iter().map(PrivateKeySigner::address).collect();
        rich.extend(more);
        let genesis = DeveloperGenesis {
            chain_id: CHAIN,
            accounts: rich,
            timestamp: BEGINNING,
            ..DeveloperGenesis::default()
        };
        let genesis = Genesis::developer(&genesis).map_err(|error| said(&error))?;
        let members: Vec<_> = (0..validators).map(|index| (format!("node{index}"), String::new())).collect();
        let Dealt { network, validators: dealt } =
            deal(context.child("dealer"), genesis.hash, &members).map_err(|error| said(&error))?;
        let committee = network.committee().map_err(|error| said(&error))?;
        let mut secrets = Vec::with_capacity(dealt.len());
        for secret in dealt {
            secrets.push((secret.public_key().map_err(|error| said(&error))?, secret));
        }
        // The committee is in the order of its keys.
        secrets.sort_by_key(|(key, _)| *key);
        let secrets = secrets.into_iter().map(|(_, secret)| secret).collect();
        // One thread: what validators do to their ledgers happens one after the other.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().map_err(|error| said(&error))?;
        let pool = Arc::new(pool);
        let pools = LedgerPools { engine: Arc::clone(&pool), background: pool };
        let rules = Rules::new(genesis.header.gas_limit);
        let group_key = committee.group_key;
        Ok(Self { genesis, committee, secrets, group_key, rules, pools, accounts })
    }

    /// The validators' keys, in order.
    pub(crate) fn keys(&self) -> Vec<PublicKey> {
        self.committee.participants.iter().cloned().collect()
    }
}

/// The account with a number, which is its key. Zero is none.
pub(crate) fn account(number: u64) -> Result<PrivateKeySigner, String> {
    let mut key = B256::ZERO;
    key.0[24..].copy_from_slice(&number.to_be_bytes());
    PrivateKeySigner::from_bytes(&key).map_err(|error| error.to_string())
}
