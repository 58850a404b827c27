//! Random blocks over few accounts and contracts: every mode on any number of threads returns exactly what
//! sequential execution returns, also when reads fail, panic or take their time.

mod faults;
mod program;

use alloy_eips::{
    eip4895::Withdrawal, eip7702::Authorization, eip7702::RecoveredAuthority, eip7702::RecoveredAuthorization,
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use faults::Faulty;
use mundi_execution::*;
use program::{ACCOUNTS, Action, CONTRACTS, action, address, beneficiary, code};
use proptest::prelude::*;
use rayon::ThreadPool;
use revm::{
    context::{BlockEnv, TxEnv},
    context_interface::{block::BlobExcessGasAndPrice, either::Either},
    primitives::hardfork::SpecId,
};
use std::{
    num::NonZeroUsize,
    sync::{Arc, LazyLock},
};

static POOL: LazyLock<ThreadPool> =
    LazyLock::new(|| rayon::ThreadPoolBuilder::new().num_threads(7).build().expect("threads can be started"));

#[derive(Clone, Debug)]
struct RandomTx {
    from: u8,
    to: Option<u8>,
    value: u8,
    nonce_error: bool,
    tight_gas: bool,
    kind: u8,
    authorize: Vec<(u8, u8)>,
}

#[derive(Clone, Debug)]
struct RandomBlock {
    spec: SpecId,
    contracts: Vec<Vec<Action>>,
    poor: u8,
    transactions: Vec<RandomTx>,
    beneficiary: u8,
    gas_limit: u64,
    /// Whether gas costs nothing, before London.
    free: bool,
    /// Whether there is an account of nothing, left over from before EIP-161.
    hollow: bool,
}

fn random_tx() -> impl Strategy<Value = RandomTx> {
    (
        0..ACCOUNTS,
        prop_oneof![9 => (0..16_u8).prop_map(Some), 1 => Just(None)],
        0..4_u8,
        prop::bool::weighted(0.05),
        prop::bool::weighted(0.1),
        0..5_u8,
        prop::collection::vec((0..8_u8, 0..16_u8), 1..3),
    )
        .prop_map(|(from, to, value, nonce_error, tight_gas, kind, authorize)| RandomTx {
            from,
            to,
            value,
            nonce_error,
            tight_gas,
            kind,
            authorize,
        })
}

fn random_block() -> impl Strategy<Value = RandomBlock> {
    let specs = [
        SpecId::FRONTIER,
        SpecId::HOMESTEAD,
        SpecId::SPURIOUS_DRAGON,
        SpecId::ISTANBUL,
        SpecId::LONDON,
        SpecId::SHANGHAI,
        SpecId::CANCUN,
        SpecId::PRAGUE,
        SpecId::OSAKA,
    ];
    (
        prop::sample::select(specs.to_vec()),
        prop::collection::vec(prop::collection::vec(action(), 0..6), CONTRACTS as usize),
        0..ACCOUNTS,
        // Now and then more than fit into the window that workers look ahead.
        prop_oneof![
            12 => prop::collection::vec(random_tx(), 0..40),
            1 => prop::collection::vec(random_tx(), 150..300)
        ],
        prop_oneof![6 => Just(12_u8), 1 => 0..16_u8],
        prop_oneof![5 => Just(u64::MAX / 2), 1 => 1_000_000..6_000_000_u64],
        prop::bool::weighted(0.1),
        any::<bool>(),
    )
        .prop_map(|(spec, contracts, poor, transactions, beneficiary, gas_limit, free, hollow)| {
            RandomBlock { spec, contracts, poor, transactions, beneficiary, gas_limit, free, hollow }
        })
}

fn build(random: &RandomBlock) -> (Block, MemoryState) {
    let spec = random.spec;
    let mut state = MemoryState::new();
    for account in 0..ACCOUNTS {
        let balance = if account == random.poor { 2_500_000_u64 } else { 1_000_000_000_000 };
        state.insert_account(address(account), u64::from(account), U256::from(balance), None);
    }
    for (index, actions) in random.contracts.iter().enumerate() {
        state.insert_account(address(6 + index as u8), 1, U256::from(index), Some(code(actions)));
        state.insert_storage(address(6 + index as u8), U256::from(index % 3), U256::from(index));
    }
    // An empty fee recipient is a case of its own (see tests/review.rs).
    if random.hollow && random.beneficiary != 14 {
        state.insert_account(address(14), 0, U256::ZERO, None);
    }
    for number in 0..1000 {
        state.insert_block_hash(number, B256::with_last_byte(number as u8));
    }
    let fee_market = spec.is_enabled_in(SpecId::LONDON);
    let mut nonces = [0_u64; ACCOUNTS as usize];
    (0..ACCOUNTS).for_each(|account| nonces[account as usize] = u64::from(account));
    let transactions = random
        .transactions
        .iter()
        .map(|tx| {
            let nonce = &mut nonces[tx.from as usize];
            let used = if tx.nonce_error { *nonce + 1 } else { *nonce };
            *nonce += 1;
            let to_contract = tx.to.is_none_or(|to| to % 16 >= ACCOUNTS);
            let data = if tx.to.is_none() { program::child_init() } else { Bytes::new() };
            let gas_limit = match (tx.tight_gas, to_contract) {
                (true, _) => 70_000,
                (false, true) => 900_000,
                (false, false) => 50_000,
            };
            let mut env = TxEnv {
                caller: address(tx.from),
                kind: tx.to.map_or(TxKind::Create, |to| TxKind::Call(address(to))),
                value: U256::from(tx.value),
                gas_limit,
                gas_price: if random.free && !fee_market { 0 } else { 12 },
                nonce: used,
                data,
                chain_id: Some(1),
                ..TxEnv::default()
            };
            match tx.kind {
                1 if spec.is_enabled_in(SpecId::BERLIN) => env.tx_type = 1,
                2 if fee_market => {
                    env.tx_type = 2;
                    env.gas_priority_fee = Some(2);
                }
                3 if spec.is_enabled_in(SpecId::CANCUN) && tx.to.is_some() => {
                    env.tx_type = 3;
                    env.gas_priority_fee = Some(1);
                    let mut hash = B256::repeat_byte(7);
                    hash[0] = 1;
                    env.blob_hashes = vec![hash];
                    env.max_fee_per_blob_gas = 2;
                }
                4 if spec.is_enabled_in(SpecId::PRAGUE) && tx.to.is_some() => {
                    env.tx_type = 4;
                    env.gas_priority_fee = Some(0);
                    env.gas_limit += 100_000;
                    env.authorization_list = tx
                        .authorize
                        .iter()
                        .map(|&(who, target)| authorize(who, target, &mut nonces))
                        .collect();
                }
                _ => {}
            }
            Transaction::new(env)
        })
        .collect();
    let block = Block {
        env: BlockEnv {
            number: U256::from(300),
            beneficiary: if random.beneficiary == 12 { beneficiary() } else { address(random.beneficiary) },
            timestamp: U256::from(1_000),
            gas_limit: random.gas_limit,
            basefee: if fee_market { 7 } else { 0 },
            difficulty: U256::from(2),
            prevrandao: Some(B256::repeat_byte(3)),
            blob_excess_gas_and_price: Some(BlobExcessGasAndPrice { excess_blob_gas: 0, blob_gasprice: 1 }),
            slot_num: 0,
        },
        rules: Rules {
            eip1283: false,
            spec,
            chain_id: 1,
            blobs: spec.is_enabled_in(SpecId::CANCUN).then_some(BlobRules {
                target: 3,
                max: 6,
                max_per_tx: None,
                update_fraction: 3_338_477,
            }),
            block_reward: if spec.is_enabled_in(SpecId::MERGE) { U256::ZERO } else { U256::from(5_000) },
            dao_fork: false,
            deposit_contract: Address::repeat_byte(0xdd),
            code_senders: false,
        },
        parent_hash: B256::repeat_byte(1),
        parent_beacon_block_root: spec.is_enabled_in(SpecId::CANCUN).then_some(B256::repeat_byte(2)),
        transactions,
        ommers: Vec::new(),
        withdrawals: spec
            .is_enabled_in(SpecId::SHANGHAI)
            .then(|| vec![Withdrawal { index: 0, validator_index: 0, address: address(14), amount: 3 }]),
    };
    (block, state)
}

/// An authorization; about half of them have the right nonce, so that delegations are set, cleared and refused.
fn authorize(
    who: u8,
    target: u8,
    nonces: &mut [u64],
) -> Either<alloy_eips::eip7702::SignedAuthorization, RecoveredAuthorization> {
    let authority = address(who);
    let known = nonces.get_mut(who as usize);
    let nonce = known.map_or(0, |nonce| {
        let used = *nonce;
        *nonce += 1;
        used
    });
    let target = if target.is_multiple_of(4) { Address::ZERO } else { address(target) };
    let authorization = Authorization { chain_id: U256::from(1), address: target, nonce };
    Either::Right(RecoveredAuthorization::new_unchecked(authorization, RecoveredAuthority::Valid(authority)))
}

/// Whether an access list can describe the block: it knows nothing of storage that is lost (before EIP-6780).
fn is_listable(block: &Block) -> bool {
    block.rules.spec.is_enabled_in(SpecId::CANCUN)
}

type Outcomes = Result<BlockOutput, ExecutionError>;

fn run(block: &Block, state: &dyn StateSnapshot, options: &Options) -> (Outcomes, usize) {
    let mut streamed = 0;
    let mut sink = |committed: Committed<'_>| {
        assert_eq!(committed.index, TxIndex(streamed as u32), "the stream is in order");
        streamed += 1;
    };
    let outcome = execute(block, state, &POOL, options, &mut sink);
    (outcome, streamed)
}

fn options(mode: Mode, threads: usize, policy: Policy) -> Options {
    let threads = NonZeroUsize::new(threads).expect("at least one");
    Options { mode, policy, collect_access_list: true, ..Options::new(threads) }
}

fn assert_same(expected: &Outcomes, got: &Outcomes, what: &str) {
    match (expected, got) {
        (Ok(expected), Ok(got)) => {
            for (index, (a, b)) in expected.outcomes.iter().zip(&got.outcomes).enumerate() {
                assert_eq!(a, b, "{what}: transaction {index}");
            }
            assert_eq!(expected.outcomes.len(), got.outcomes.len(), "{what}");
            let (mut a, mut b) = (expected.changes.clone(), got.changes.clone());
            a.sort();
            b.sort();
            assert_eq!(a, b, "{what}: state changes");
            assert_eq!(expected.gas_used, got.gas_used, "{what}");
            assert_eq!(expected.blob_gas_used, got.blob_gas_used, "{what}");
            assert_eq!(expected.requests, got.requests, "{what}");
            let lists = (expected.access_list.iter().flatten(), got.access_list.iter().flatten());
            for (a, b) in lists.0.zip(lists.1) {
                assert_eq!(a, b, "{what}: access list");
            }
            assert_eq!(expected.access_list, got.access_list, "{what}: access list");
        }
        (Err(expected), Err(got)) => assert_eq!(expected.to_string(), got.to_string(), "{what}"),
        (expected, got) => panic!("{what}: expected {expected:?}, got {got:?}"),
    }
}

fn cases(default: u32) -> ProptestConfig {
    let mut config = ProptestConfig::with_cases(default);
    if let Some(cases) = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()) {
        config.cases = cases;
    }
    ProptestConfig { failure_persistence: None, ..config }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn parallel_equals_sequential(random in random_block(), threads in 1..=8_usize) {
        let (block, state) = build(&random);
        let (expected, _) = run(&block, &state, &options(Mode::Sequential, 1, Policy::Ledger));
        let (got, streamed) = run(&block, &state, &options(Mode::Optimistic, threads, Policy::Ledger));
        assert_same(&expected, &got, "optimistic");
        prop_assert_eq!(streamed, block.transactions.len());
        let (auto, _) = run(&block, &state, &options(Mode::Auto, threads, Policy::Ledger));
        assert_same(&expected, &auto, "auto");

        let with_list = Options {
            access_list: expected.as_ref().ok().and_then(|output| output.access_list.clone()).map(Arc::new),
            ..options(Mode::Auto, threads, Policy::Ledger)
        };
        if let (Some(list), true) = (&with_list.access_list, is_listable(&block)) {
            let (verified, _) = run(&block, &state, &with_list);
            assert_same(&expected, &verified, "access-list");
            prop_assert_eq!(verified.expect("just compared").report.mode, Mode::AccessList);
            let mut wrong = (**list).clone();
            wrong.pop();
            let wrong = Options { access_list: Some(Arc::new(wrong)), ..with_list };
            let refused = run(&block, &state, &wrong).0;
            prop_assert!(matches!(refused, Err(ExecutionError::AccessList(_))), "{:?}", refused);
        }

        let strict = run(&block, &state, &options(Mode::Sequential, 1, Policy::Strict)).0;
        let parallel = run(&block, &state, &options(Mode::Optimistic, threads, Policy::Strict)).0;
        assert_same(&strict, &parallel, "strict");
    }

    #[test]
    fn declared_sets_are_enforced_alike(
        random in random_block(),
        hints in prop::collection::vec((0..4_u8, any::<u16>()), 300),
        threads in 1..=8_usize,
    ) {
        let (mut block, state) = build(&random);
        for (tx, (kind, bits)) in block.transactions.iter_mut().zip(hints) {
            let mut set = AccessSet::default();
            for index in 0..16_u8 {
                // Mostly complete sets, some with holes.
                if kind < 3 || bits & (1 << index) != 0 {
                    set.writes.insert(Location::Account(address(index)));
                }
            }
            set.writes.insert(Location::Slot(program::child(), U256::ZERO));
            tx.hint = match kind {
                0 => AccessHint::Unknown,
                1 => AccessHint::Likely(set),
                _ => AccessHint::Declared(set),
            };
        }
        let (expected, _) = run(&block, &state, &options(Mode::Sequential, 1, Policy::Ledger));
        for mode in [Mode::Auto, Mode::Optimistic, Mode::Declared] {
            let (got, _) = run(&block, &state, &options(mode, threads, Policy::Ledger));
            assert_same(&expected, &got, mode.name());
        }
    }

    #[test]
    fn a_recorded_schedule_is_followed_exactly(random in random_block(), threads in 1..=8_usize) {
        let (block, state) = build(&random);
        let record = Options { record: true, ..options(Mode::Optimistic, threads, Policy::Ledger) };
        let (first, _) = run(&block, &state, &record);
        let Ok(output) = &first else { return Ok(()) };
        let schedule = Arc::new(output.report.schedule.clone().expect("asked for"));
        let follow = Options { schedule: Some(schedule.clone()), ..record };
        let (second, _) = run(&block, &state, &follow);
        assert_same(&first, &second, "followed");
        let report = second.expect("just compared").report;
        let mut again = report.schedule.expect("asked for");
        // Following makes no new speculations, so only commits are recorded anew.
        let is_commit = |event: &Event| matches!(event, Event::Committed { .. });
        again.events.retain(is_commit);
        prop_assert_eq!(again.events, schedule.events.iter().filter(|event| is_commit(event)).cloned().collect::<Vec<_>>());
        prop_assert_eq!(report.speculated, output.report.speculated);
        prop_assert_eq!(report.plain_transfers, output.report.plain_transfers);
    }

    #[test]
    fn streamed_changes_add_up_to_the_whole(random in random_block(), threads in 1..=8_usize) {
        let (block, state) = build(&random);
        let mut sums = Vec::new();
        for mode in [Mode::Sequential, Mode::Optimistic] {
            let mut sum = state.clone();
            let mut sink = |committed: Committed<'_>| sum.apply(committed.changes.expect("asked for"));
            let options = Options { stream_changes: true, ..options(mode, threads, Policy::Ledger) };
            let _ = execute(&block, &state, &POOL, &options, &mut sink);
            let mut accounts: Vec<_> = sum.accounts().map(|(a, s)| (*a, s.account, s.storage.clone())).collect();
            accounts.sort_by_key(|(address, ..)| *address);
            sums.push(accounts);
        }
        prop_assert_eq!(&sums[0], &sums[1]);
    }

    #[test]
    fn slow_reads_change_nothing(random in random_block(), threads in 2..=8_usize, seed: u64) {
        let (block, state) = build(&random);
        let (expected, _) = run(&block, &state, &options(Mode::Sequential, 1, Policy::Ledger));
        let slow = Faulty::delays(&state, seed);
        let (got, _) = run(&block, &slow, &options(Mode::Optimistic, threads, Policy::Ledger));
        assert_same(&expected, &got, "with delays");
    }

    #[test]
    fn a_failing_read_names_its_transaction(random in random_block(), threads in 1..=8_usize, seed: u64) {
        let (block, state) = build(&random);
        let failing = Faulty::errors(&state, seed);
        let (expected, _) = run(&block, &failing, &options(Mode::Sequential, 1, Policy::Ledger));
        let (got, _) = run(&block, &failing, &options(Mode::Optimistic, threads, Policy::Ledger));
        assert_same(&expected, &got, "with read errors");
        // The pool survives.
        let (expected, _) = run(&block, &state, &options(Mode::Sequential, 1, Policy::Ledger));
        let (got, _) = run(&block, &state, &options(Mode::Optimistic, threads, Policy::Ledger));
        assert_same(&expected, &got, "after an error");
    }

    #[test]
    fn a_panic_is_an_error_of_its_transaction(random in random_block(), threads in 1..=8_usize, seed: u64) {
        let (block, state) = build(&random);
        let panicking = Faulty::panics(&state, seed);
        let (expected, _) = run(&block, &panicking, &options(Mode::Sequential, 1, Policy::Ledger));
        let (got, _) = run(&block, &panicking, &options(Mode::Optimistic, threads, Policy::Ledger));
        assert_same(&expected, &got, "with panics");
        let (expected, _) = run(&block, &state, &options(Mode::Sequential, 1, Policy::Ledger));
        let (got, _) = run(&block, &state, &options(Mode::Optimistic, threads, Policy::Ledger));
        assert_same(&expected, &got, "after a panic");
    }
}
