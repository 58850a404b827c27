//! One block after another.

use crate::{
    config::Config,
    error::GenerateError,
    genesis,
    keys::{Role, address},
    plan::{Frame, Planner},
    population::Population,
    schedule::Schedule,
    state_root::{StateTrie, whole_root},
};
use alloy_consensus::{
    Block, BlockBody, EMPTY_OMMER_ROOT_HASH, Header, TxEnvelope,
    proofs::{calculate_receipt_root, calculate_transaction_root},
    transaction::Recovered,
};
use alloy_eips::{
    eip1559::{BaseFeeParams, DEFAULT_ELASTICITY_MULTIPLIER, GAS_LIMIT_BOUND_DIVISOR, INITIAL_BASE_FEE},
    eip4895::Withdrawals,
};
use alloy_primitives::{B64, B256, Bytes, U256};
use mundi_chain::{
    Ancestor, ChainSpec, EthereumHardfork, ForkPoint, OMMER_ANCESTORS, Parent, executable_block,
    next_difficulty, validate_body, validate_header, validate_ommers, validate_output,
};
use mundi_execution::{BlockOutput, Committed, MemoryState, NoSink, Options, StateChanges, execute};
use rayon::prelude::*;
use revm::primitives::hardfork::SpecId;
use std::collections::VecDeque;

/// Who is rewarded for blocks.
const BENEFICIARIES: usize = 16;
/// Seconds between blocks under proof of work, at least and at most, and after the Merge.
const WORK_SECONDS: (u64, u64) = (5, 20);
const SLOT_SECONDS: u64 = 12;
/// One in this many slots after the Merge is missed.
const MISSED_SLOTS: usize = 40;
/// One in this many blocks under proof of work has an ommer.
const OMMERS: usize = 6;
/// Wei per gas around which the votes for the gas limit keep the base fee.
const FAIR_BASE_FEE: u64 = 10_000_000_000;

/// What a chain has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Blocks after the genesis.
    pub blocks: u64,
    /// Hash of the newest block.
    pub head: B256,
    /// Transactions in them.
    pub transactions: u64,
    /// Transactions that failed: those that were meant to, and swaps that the markets refused.
    pub failed: u64,
    /// Gas used.
    pub gas: u64,
    /// Accounts in the state.
    pub accounts: u64,
    /// Slots in the state that are not zero.
    pub slots: u64,
}

/// Makes one block after another.
///
/// ## Invariants
/// `state`, `trie` and `head` are those after the newest block; every block so far is valid under the schedule as it is now.
#[derive(Debug)]
pub struct Generator {
    config: Config,
    schedule: Schedule,
    people: Population,
    planner: Planner,
    genesis: Header,
    first_state: MemoryState,
    state: MemoryState,
    trie: StateTrie,
    /// The newest blocks, the newest first: as many as bear on ommers.
    newest: VecDeque<Newest>,
    total_difficulty: U256,
    /// Gas that blocks use, on average over the newest ones.
    usual_gas: u64,
    checked: u64,
    transactions: u64,
    failed: u64,
    gas: u64,
}

#[derive(Debug)]
struct Newest {
    hash: B256,
    header: Header,
    ommers: Vec<Header>,
}

impl Generator {
    /// A chain of the genesis alone. Takes some time for each sender: it has a key and a place in many contracts.
    pub fn new(config: &Config, pool: &rayon::ThreadPool) -> Result<Self, GenerateError> {
        config.check()?;
        let people = Population::new(config);
        let mut schedule = Schedule::new(config);
        schedule.reach(ForkPoint::new(0, genesis::TIME).with_parent_total_difficulty(U256::ZERO));
        let mut state = genesis::state(&people);
        let mut trie = StateTrie::of(&state);
        let genesis = genesis::header(config, &schedule, trie.root());
        let hash = genesis.hash_slow();
        let first_state = state.clone();
        state.insert_block_hash(0, hash);
        let newest = Newest { hash, header: genesis.clone(), ommers: Vec::new() };
        let generator = Self {
            planner: Planner::new(config),
            usual_gas: config.transactions * config.shares.average_gas(),
            config: *config,
            schedule,
            people,
            total_difficulty: genesis.difficulty,
            genesis,
            first_state,
            state,
            trie,
            newest: VecDeque::from([newest]),
            checked: 0,
            transactions: 0,
            failed: 0,
            gas: 0,
        };
        generator.check_root(pool)?;
        Ok(generator)
    }

    /// The header of the genesis.
    pub const fn genesis(&self) -> &Header {
        &self.genesis
    }

    /// The forks that the chain has reached so far. Blocks so far are valid under it, and stay valid when more is reached.
    pub const fn spec(&self) -> &ChainSpec {
        self.schedule.spec()
    }

    /// The `genesis.json`, with the forks that the chain has reached so far.
    pub fn genesis_json(&self) -> Vec<u8> {
        let json = genesis::json(&self.schedule, &self.genesis, &self.first_state);
        let mut bytes = serde_json::to_vec_pretty(&json).expect("a JSON value can be written as text");
        bytes.push(b'\n');
        bytes
    }

    /// The state after the newest block.
    pub const fn state(&self) -> &MemoryState {
        &self.state
    }

    /// What the chain has come to. Takes time linear in the state.
    pub fn totals(&self) -> Totals {
        let newest = self.newest();
        Totals {
            blocks: newest.header.number,
            head: newest.hash,
            transactions: self.transactions,
            failed: self.failed,
            gas: self.gas,
            accounts: self.state.len() as u64,
            slots: self.state.accounts().map(|(_, stored)| stored.storage.len() as u64).sum(),
        }
    }

    /// Makes the next block; `None` if the chain is as long as it is to be. Transactions are signed on `pool`, of which the
    /// caller must not be a thread.
    pub fn next_block(
        &mut self,
        pool: &rayon::ThreadPool,
    ) -> Result<Option<Block<TxEnvelope>>, GenerateError> {
        let number = self.newest().header.number + 1;
        if number > self.config.blocks {
            return Ok(None);
        }
        let point = self.next_point(number);
        self.schedule.reach(point);
        let header = self.next_header(point);
        let block = self.fill(header, point, pool);
        let (block, output) = self.run(block, point, pool)?;

        self.state.apply(&output.changes);
        self.gas += output.gas_used;
        self.transactions += output.outcomes.len() as u64;
        self.failed += output.receipts().filter(|receipt| !receipt.success).count() as u64;
        self.usual_gas = (15 * self.usual_gas + output.gas_used) / 16;
        self.total_difficulty += block.header.difficulty;
        let hash = block.header.hash_slow();
        self.state.insert_block_hash(number, hash);
        let ommers = block.body.ommers.clone();
        self.newest.push_front(Newest { hash, header: block.header.clone(), ommers });
        self.newest.truncate(OMMER_ANCESTORS);
        if number == self.config.blocks || number - self.checked >= self.config.check_every {
            self.check_root(pool)?;
            self.checked = number;
        }
        Ok(Some(block))
    }

    fn newest(&self) -> &Newest {
        self.newest.front().expect("there is always a newest block, at first the genesis")
    }

    fn next_point(&mut self, number: u64) -> ForkPoint {
        let parent = &self.newest().header;
        let (time, merged) = (parent.timestamp, parent.difficulty.is_zero());
        let elapsed = if !merged {
            self.people.random.between(WORK_SECONDS.0, WORK_SECONDS.1)
        } else if self.people.one_in(MISSED_SLOTS) {
            2 * SLOT_SECONDS
        } else {
            SLOT_SECONDS
        };
        ForkPoint::new(number, time + elapsed).with_parent_total_difficulty(self.total_difficulty)
    }

    /// What can be said of the next header before it has a body.
    fn next_header(&mut self, point: ForkPoint) -> Header {
        let fork = self.schedule.spec().fork_at(point);
        let merged = fork >= EthereumHardfork::Paris;
        let beneficiary = self.people.random.below(BENEFICIARIES) as u64;
        let (mix, nonce) = (self.word(), self.people.random.word());
        let beacon_root = (fork >= EthereumHardfork::Cancun).then(|| self.word());
        let parent = &self.newest().header;
        let base_fee = (fork >= EthereumHardfork::London)
            .then(|| parent.next_block_base_fee(BaseFeeParams::ethereum()).unwrap_or(INITIAL_BASE_FEE));
        let excess_blob_gas = self.schedule.spec().blob_params_at(point).map(|params| {
            let before = parent.excess_blob_gas.unwrap_or_default();
            let used = parent.blob_gas_used.unwrap_or_default();
            params.next_block_excess_blob_gas_osaka(before, used, parent.base_fee_per_gas.unwrap_or_default())
        });
        Header {
            parent_hash: self.newest().hash,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: address(self.config.seed, Role::Beneficiary, beneficiary),
            difficulty: next_difficulty(fork, parent, point.timestamp),
            number: point.number,
            gas_limit: self.next_gas_limit(fork, base_fee),
            timestamp: point.timestamp,
            extra_data: Bytes::from_static(genesis::EXTRA_DATA),
            mix_hash: mix,
            nonce: if merged { B64::ZERO } else { B64::from(nonce) },
            base_fee_per_gas: base_fee,
            excess_blob_gas,
            parent_beacon_block_root: beacon_root,
            ..Header::default()
        }
    }

    /// Any 256 bits.
    fn word(&mut self) -> B256 {
        let words = [(); 4].map(|()| self.people.random.word());
        B256::from(U256::from_limbs(words))
    }

    /// The gas limit moves so that the target becomes what blocks use, and the base fee a fair one: neither goes anywhere in a
    /// long chain.
    fn next_gas_limit(&self, fork: EthereumHardfork, base_fee: Option<u64>) -> u64 {
        let parent = &self.newest().header;
        let limit = parent.gas_limit;
        let Some(base_fee) = base_fee else { return limit };
        if fork >= EthereumHardfork::London && parent.base_fee_per_gas.is_none() {
            return limit * DEFAULT_ELASTICITY_MULTIPLIER;
        }
        let step = (limit / GAS_LIMIT_BOUND_DIVISOR).saturating_sub(1);
        let dear = base_fee > FAIR_BASE_FEE;
        let busy = self.usual_gas > limit / DEFAULT_ELASTICITY_MULTIPLIER;
        match (dear, busy) {
            (true, true) => limit + step,
            (false, false) if limit - step >= genesis::LEAST_GAS_LIMIT => limit - step,
            _ => limit,
        }
    }

    /// Gives the block its body.
    fn fill(
        &mut self,
        mut header: Header,
        point: ForkPoint,
        pool: &rayon::ThreadPool,
    ) -> Block<Recovered<TxEnvelope>> {
        let spec = self.schedule.spec();
        let fork = spec.fork_at(point);
        let blobs = spec.blob_params_at(point).zip(header.excess_blob_gas).map(|(params, excess)| {
            let most = params.max_blob_count;
            (most, params.max_blobs_per_tx.min(most), params.calc_blob_fee(excess))
        });
        let frame = Frame {
            fork,
            timestamp: header.timestamp,
            gas_limit: header.gas_limit,
            base_fee: header.base_fee_per_gas,
            blobs,
        };
        let drafts = self.planner.transactions(&mut self.people, &frame);
        let (senders, seed, chain_id) = (&self.people.senders, self.config.seed, self.config.chain_id);
        let transactions: Vec<_> = pool.install(|| {
            drafts
                .into_par_iter()
                .map(|draft| {
                    let sender = &senders[draft.sender];
                    Recovered::new_unchecked(draft.sign(seed, chain_id, sender), sender.address)
                })
                .collect()
        });
        let withdrawals = (fork >= EthereumHardfork::Shanghai)
            .then(|| Withdrawals::new(self.planner.withdrawals(&mut self.people)));
        let body = BlockBody { transactions, ommers: self.ommers(fork), withdrawals };
        header.ommers_hash = body.calculate_ommers_root();
        header.transactions_root = calculate_transaction_root(&body.transactions);
        header.withdrawals_root = body.calculate_withdrawals_root();
        Block { header, body }
    }

    /// A sibling of the parent, at times.
    fn ommers(&mut self, fork: EthereumHardfork) -> Vec<Header> {
        let parent = &self.newest().header;
        if fork >= EthereumHardfork::Paris || parent.number == 0 {
            return Vec::new();
        }
        let mut sibling = parent.clone();
        if !self.people.one_in(OMMERS) {
            return Vec::new();
        }
        sibling.nonce = B64::from(self.people.random.word());
        let beneficiary = self.people.random.below(BENEFICIARIES) as u64;
        sibling.beneficiary = address(self.config.seed, Role::Beneficiary, beneficiary);
        sibling.extra_data = Bytes::from_static(b"ommer");
        vec![sibling]
    }

    /// Executes the block, completes its header, and checks it by all rules.
    fn run(
        &mut self,
        block: Block<Recovered<TxEnvelope>>,
        point: ForkPoint,
        pool: &rayon::ThreadPool,
    ) -> Result<(Block<TxEnvelope>, BlockOutput), GenerateError> {
        let number = point.number;
        let executable = executable_block(self.schedule.spec(), point, &block);
        // Before Byzantium receipts hold the state root after their transaction.
        let early = !executable.rules.spec.is_enabled_in(SpecId::BYZANTIUM);
        let options = Options { stream_changes: early, ..Options::sequential() };
        let mut steps: Vec<StateChanges> = Vec::new();
        let executed = if early {
            let mut sink = |tx: Committed<'_>| steps.push(tx.changes.cloned().unwrap_or_default());
            execute(&executable, &self.state, pool, &options, &mut sink)
        } else {
            execute(&executable, &self.state, pool, &options, &mut NoSink)
        };
        let output = executed.map_err(|source| GenerateError::Execution { number, source })?;
        let post_states = self.trie.roots_after_each(&steps);

        let Block { mut header, body } = block;
        header.state_root = self.trie.advance(&output.changes);
        header.receipts_root = if early {
            let receipts = output.receipts().zip(&post_states);
            calculate_receipt_root(
                &receipts.map(|(receipt, root)| receipt.to_envelope(Some(*root))).collect::<Vec<_>>(),
            )
        } else {
            output.receipts_root()
        };
        header.logs_bloom = output.logs_bloom();
        header.gas_used = output.gas_used;
        header.blob_gas_used = header.excess_blob_gas.map(|_| output.blob_gas_used);
        header.requests_hash = output.requests.as_ref().map(|requests| requests.requests_hash());
        let body = BlockBody {
            transactions: body.transactions.into_iter().map(Recovered::into_inner).collect(),
            ommers: body.ommers,
            withdrawals: body.withdrawals,
        };
        let block = Block { header, body };
        self.check(&block, point)
            .and_then(|()| {
                validate_output(&executable.rules, &block.header, &output, &post_states)
                    .map_err(|error| error.to_string())
            })
            .map_err(|reason| GenerateError::Invalid { number, reason })?;
        Ok((block, output))
    }

    /// Checks a block by the rules that need no state.
    fn check(&self, block: &Block<TxEnvelope>, point: ForkPoint) -> Result<(), String> {
        let spec = self.schedule.spec();
        let Newest { hash, header, .. } = self.newest();
        let parent = Parent { header, hash: *hash, total_difficulty: Some(self.total_difficulty) };
        validate_header(spec, &block.header, parent).map_err(|error| error.to_string())?;
        let ancestors: Vec<_> = self
            .newest
            .iter()
            .map(|block| Ancestor { hash: block.hash, header: &block.header, ommers: &block.ommers })
            .collect();
        validate_ommers(spec, point, &block.body.ommers, &ancestors).map_err(|error| error.to_string())?;
        validate_body(spec, point, block).map_err(|error| error.to_string())
    }

    /// Compares the state root with that of the whole state.
    fn check_root(&self, pool: &rayon::ThreadPool) -> Result<(), GenerateError> {
        let header = &self.newest().header;
        let (whole, kept) = (whole_root(&self.state, pool), header.state_root);
        if whole == kept { Ok(()) } else { Err(GenerateError::Root { number: header.number, whole, kept }) }
    }
}
