//! What an attacker would try: each case compares with sequential execution, or measures a cost that must stay linear.

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use mundi_execution::*;
use revm::{
    bytecode::{Bytecode, opcode::*},
    context::{BlockEnv, TxEnv},
    context_interface::block::BlobExcessGasAndPrice,
    primitives::hardfork::SpecId,
};
use std::{
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

fn address(n: u32) -> Address {
    let mut address = Address::repeat_byte(0xaa);
    address[16..].copy_from_slice(&n.to_be_bytes());
    address
}

const FEES: Address = Address::repeat_byte(0xfe);

fn tx(from: u32, nonce: u64, to: Address, value: U256, gas_limit: u64) -> TxEnv {
    TxEnv {
        caller: address(from),
        kind: TxKind::Call(to),
        value,
        gas_limit,
        gas_price: 10,
        nonce,
        chain_id: Some(1),
        ..TxEnv::default()
    }
}

fn block(spec: SpecId, transactions: Vec<TxEnv>) -> Block {
    let london = spec.is_enabled_in(SpecId::LONDON);
    Block {
        env: BlockEnv {
            number: U256::from(300),
            beneficiary: FEES,
            timestamp: U256::from(1_000),
            gas_limit: 1_000_000_000_000,
            basefee: if london { 7 } else { 0 },
            difficulty: U256::from(2),
            prevrandao: Some(B256::repeat_byte(3)),
            blob_excess_gas_and_price: Some(BlobExcessGasAndPrice { excess_blob_gas: 0, blob_gasprice: 1 }),
            slot_num: 0,
        },
        rules: Rules {
            eip1283: false,
            spec,
            chain_id: 1,
            blobs: None,
            block_reward: U256::ZERO,
            dao_fork: false,
            deposit_contract: Address::repeat_byte(0xdd),
            code_senders: false,
        },
        parent_hash: B256::repeat_byte(1),
        parent_beacon_block_root: None,
        transactions: transactions.into_iter().map(Transaction::new).collect(),
        ommers: Vec::new(),
        withdrawals: None,
    }
}

fn rich(state: &mut MemoryState, range: std::ops::Range<u32>) {
    for n in range {
        state.insert_account(address(n), 0, U256::from(10_u64).pow(U256::from(24)), None);
    }
}

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started")
}

fn options(mode: Mode, threads: usize) -> Options {
    Options {
        mode,
        policy: Policy::Ledger,
        ..Options::new(NonZeroUsize::new(threads).expect("at least one"))
    }
}

type Outcomes = Result<BlockOutput, ExecutionError>;

fn run(block: &Block, state: &dyn StateSnapshot, options: &Options) -> Outcomes {
    execute(block, state, &pool(options.threads.get()), options, &mut NoSink)
}

fn same(expected: &Outcomes, got: &Outcomes) {
    match (expected, got) {
        (Ok(expected), Ok(got)) => {
            for (index, (a, b)) in expected.outcomes.iter().zip(&got.outcomes).enumerate() {
                assert_eq!(a, b, "transaction {index}");
            }
            let (mut a, mut b) = (expected.changes.clone(), got.changes.clone());
            a.sort();
            b.sort();
            assert_eq!(a, b, "state changes");
            assert_eq!(expected.gas_used, got.gas_used);
            if expected.access_list.is_some() && got.access_list.is_some() {
                assert_eq!(expected.access_list, got.access_list);
            }
        }
        (Err(expected), Err(got)) => assert_eq!(expected.to_string(), got.to_string()),
        (expected, got) => panic!("expected {expected:?}, got {got:?}"),
    }
}

fn check(block: &Block, state: &dyn StateSnapshot, threads: usize) {
    let expected = run(block, state, &options(Mode::Sequential, 1));
    let got = run(block, state, &options(Mode::Optimistic, threads));
    same(&expected, &got);
}

/// A state that does something first whenever an account is read.
struct OnAccount<'s, F>(&'s MemoryState, F);

impl<F: Fn(&Address) + Send + Sync> StateSnapshot for OnAccount<'_, F> {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        (self.1)(address);
        self.0.account(address)
    }
    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        self.0.storage(address, slot)
    }
    fn code(&self, code_hash: &B256) -> Result<Bytecode, StateError> {
        self.0.code(code_hash)
    }
    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        self.0.block_hash(number)
    }
}

/// Slow for one account.
fn slow_for(state: &MemoryState, slow: Address, delay: Duration) -> impl StateSnapshot {
    OnAccount(state, move |address: &Address| {
        if *address == slow {
            std::thread::sleep(delay);
        }
    })
}

/// Panics for one account.
fn panicking(state: &MemoryState, bad: Address) -> impl StateSnapshot {
    OnAccount(state, move |address: &Address| assert_ne!(*address, bad, "injected panic"))
}

fn push32(code: &mut Vec<u8>, value: U256) {
    code.push(PUSH32);
    code.extend_from_slice(&value.to_be_bytes::<32>());
}

fn push20(code: &mut Vec<u8>, address: Address) {
    code.push(PUSH20);
    code.extend_from_slice(address.as_slice());
}

/// Sends `value` to `to` and stores what came of it.
fn sender_code(to: Address, value: U256) -> Bytes {
    let mut code = vec![PUSH1, 0, PUSH1, 0, PUSH1, 0, PUSH1, 0];
    push32(&mut code, value);
    push20(&mut code, to);
    code.extend([PUSH3, 1, 0, 0, CALL, PUSH1, 1, ADD, PUSH1, 0, SSTORE]);
    code.into()
}

// ---- correctness ------------------------------------------------------------------------------------------

/// A balance near the limit pays a modest one, whose own change is taken for commutative.
#[test]
fn a_whale_pays_a_modest_account_that_changed() {
    let whale = Address::repeat_byte(0xb1);
    let poor = Address::repeat_byte(0xb2);
    let mut state = MemoryState::new();
    rich(&mut state, 0..8);
    let much = U256::MAX - U256::from(5);
    state.insert_account(whale, 1, much, Some(sender_code(poor, much)));
    state.insert_account(poor, 0, U256::from(5), None);
    let mut list = vec![tx(0, 0, poor, U256::from(2), 21_000), tx(1, 0, whale, U256::ZERO, 1_000_000)];
    for n in 2..8 {
        let other = Address::repeat_byte(0xc0 + n as u8);
        state.insert_account(other, 1, U256::ZERO, Some(Bytes::from_static(&[STOP])));
        list.push(tx(n, 0, other, U256::ZERO, 1_000_000));
    }
    let block = block(SpecId::SHANGHAI, list);
    for _ in 0..5 {
        let slow = slow_for(&state, address(0), Duration::from_millis(30));
        check(&block, &slow, 2);
    }
}

/// revm gives no reward that would overflow; the committer wraps around.
#[test]
fn a_reward_that_overflows() {
    let mut state = MemoryState::new();
    rich(&mut state, 0..1);
    state.insert_account(FEES, 0, U256::MAX - U256::from(5), None);
    let block = block(SpecId::SHANGHAI, vec![tx(0, 0, address(9), U256::from(1), 21_000)]);
    check(&block, &state, 1);
}

/// An empty fee recipient is touched and rewarded in one transaction: it stays, and so does its storage.
#[test]
fn an_empty_fee_recipient_is_touched_and_rewarded() {
    let mut state = MemoryState::new();
    rich(&mut state, 0..1);
    state.insert_account(FEES, 0, U256::ZERO, None);
    let block = block(SpecId::SHANGHAI, vec![tx(0, 0, FEES, U256::ZERO, 21_000)]);
    check(&block, &state, 1);
}

#[test]
fn a_header_without_blob_price_is_refused_alike() {
    let mut state = MemoryState::new();
    rich(&mut state, 0..1);
    let mut block = block(SpecId::CANCUN, vec![tx(0, 0, address(9), U256::from(1), 21_000)]);
    block.env.blob_excess_gas_and_price = None;
    check(&block, &state, 1);
}

#[test]
fn a_base_fee_before_london_is_treated_alike() {
    let mut state = MemoryState::new();
    rich(&mut state, 0..1);
    let mut block = block(SpecId::BERLIN, vec![tx(0, 0, address(9), U256::from(1), 21_000)]);
    block.env.basefee = 100;
    check(&block, &state, 1);
}

#[test]
fn amsterdam_is_refused_or_alike() {
    let mut state = MemoryState::new();
    rich(&mut state, 0..1);
    let mut block = block(SpecId::AMSTERDAM, vec![tx(0, 0, address(9), U256::from(1), 300_000)]);
    block.rules.blobs = Some(BlobRules { target: 3, max: 6, max_per_tx: None, update_fraction: 3_338_477 });
    check(&block, &state, 1);
}

// ---- schedules ----------------------------------------------------------------------------------------------

fn follow(block: &Block, state: &dyn StateSnapshot, events: Vec<Event>) -> Outcomes {
    let schedule = Schedule {
        version: SCHEDULE_VERSION,
        block: 300,
        transactions: block.transactions.len() as u32,
        events,
    };
    let options = Options { schedule: Some(Arc::new(schedule)), ..options(Mode::Optimistic, 1) };
    catch_unwind(AssertUnwindSafe(|| run(block, state, &options)))
        .expect("a forged schedule is an error, not a panic")
}

fn two_transfers() -> (Block, MemoryState) {
    let mut state = MemoryState::new();
    rich(&mut state, 0..2);
    let to = address(9);
    (
        block(
            SpecId::SHANGHAI,
            vec![tx(0, 0, to, U256::from(1), 30_000), tx(1, 0, to, U256::from(1), 30_000)],
        ),
        state,
    )
}

fn committed(tx: u32, speculative: bool) -> Event {
    Event::Committed { tx: TxIndex(tx), speculative }
}

fn speculated(tx: u32, reads: &[(Address, Option<Account>)]) -> Event {
    let read = |(address, seen): &(Address, Option<Account>)| RecordedRead {
        location: Location::Account(*address),
        source: 0,
        seen: Seen::Account(*seen),
    };
    Event::Speculated { tx: TxIndex(tx), worker: 0, reads: reads.iter().map(read).collect() }
}

#[test]
fn a_schedule_that_commits_past_the_end() {
    let (block, state) = two_transfers();
    let result = follow(&block, &state, vec![committed(0, false), committed(1, false), committed(2, false)]);
    assert!(matches!(result, Err(ExecutionError::Schedule(_))), "{result:?}");
}

/// Speculating on what is committed already writes beneath the commit.
#[test]
fn a_schedule_that_speculates_on_the_past() {
    let (block, state) = two_transfers();
    let expected = run(&block, &state, &options(Mode::Sequential, 1));
    let sender = Account { balance: U256::from(10_u64).pow(U256::from(20)), ..Account::default() };
    let forged = speculated(0, &[(address(0), Some(sender)), (address(9), None)]);
    let result = follow(&block, &state, vec![committed(0, false), forged, committed(1, false)]);
    match result {
        Err(ExecutionError::Schedule(_)) => {}
        other => same(&expected, &other),
    }
}

#[test]
fn a_schedule_that_commits_more_gas_than_the_block_has() {
    let (mut block, state) = two_transfers();
    block.env.gas_limit = 40_000;
    let expected = run(&block, &state, &options(Mode::Sequential, 1));
    let read = |n| state.account(&address(n)).expect("in memory");
    let to = Account { balance: U256::from(1), ..Account::default() };
    let forged = speculated(1, &[(address(1), read(1)), (address(9), Some(to))]);
    let result = follow(&block, &state, vec![committed(0, false), forged, committed(1, true)]);
    match result {
        Err(ExecutionError::Schedule(_)) => {}
        other => same(&expected, &other),
    }
}

#[test]
fn a_state_that_panics_while_a_schedule_is_followed() {
    let (block, state) = two_transfers();
    let result =
        follow(&block, &panicking(&state, address(0)), vec![committed(0, false), committed(1, false)]);
    assert!(matches!(result, Err(ExecutionError::Fault { .. })), "{result:?}");
}

/// A schedule recorded with an access list is a schedule too.
#[test]
fn a_schedule_recorded_with_an_access_list_can_be_followed() {
    let mut state = MemoryState::new();
    rich(&mut state, 0..60);
    let maker = Address::repeat_byte(0xb1);
    // Creates a contract of the one byte STOP, with CREATE; init code: PUSH1 1 PUSH1 0 RETURN.
    let code = vec![
        PUSH5, PUSH1, 1, PUSH1, 0, RETURN, PUSH1, 0, MSTORE, PUSH1, 5, PUSH1, 27, PUSH1, 0, CREATE, PUSH1, 0,
        SSTORE,
    ];
    state.insert_account(maker, 1, U256::ZERO, Some(code.into()));
    let caller = Address::repeat_byte(0xb2);
    // Calls what the maker made last... by its address, which is known.
    let made = maker.create(1);
    state.insert_account(caller, 1, U256::ZERO, Some(sender_code(made, U256::ZERO)));
    let mut list = vec![tx(0, 0, maker, U256::ZERO, 1_000_000)];
    for n in 1..60 {
        list.push(tx(n, 0, caller, U256::ZERO, 1_000_000));
    }
    let block = block(SpecId::CANCUN, list);
    let collect = Options { collect_access_list: true, ..options(Mode::Sequential, 1) };
    let given = run(&block, &state, &collect).expect("valid").access_list.map(Arc::new);
    for _ in 0..10 {
        let record = Options { record: true, access_list: given.clone(), ..options(Mode::AccessList, 3) };
        let first = run(&block, &slow_for(&state, maker, Duration::from_millis(5)), &record);
        let schedule = first.as_ref().expect("valid").report.schedule.clone().expect("asked for");
        let follow = Options { schedule: Some(Arc::new(schedule)), ..options(Mode::Optimistic, 1) };
        same(&first, &run(&block, &state, &follow));
    }
}

// ---- panics and hangs -----------------------------------------------------------------------------------------

#[test]
fn a_panicking_sink_is_an_error_in_every_mode() {
    let (block, state) = two_transfers();
    let schedule = Schedule {
        version: SCHEDULE_VERSION,
        block: 300,
        transactions: 2,
        events: vec![committed(0, false), committed(1, false)],
    };
    let followed = Options { schedule: Some(Arc::new(schedule)), ..options(Mode::Optimistic, 1) };
    for options in [options(Mode::Optimistic, 2), followed, options(Mode::Sequential, 1)] {
        let mut sink = |_: Committed<'_>| panic!("injected");
        let pool = pool(2);
        let ran = catch_unwind(AssertUnwindSafe(|| execute(&block, &state, &pool, &options, &mut sink)));
        assert!(
            matches!(ran, Ok(Err(ExecutionError::Fault { .. }))),
            "mode {} follows {}: the panic came through",
            options.mode,
            options.schedule.is_some()
        );
    }
}

/// A pool whose threads all wait for this very block.
fn with_a_busy_pool(block: &Block, state: &MemoryState, options: &Options) {
    let pool = pool(1);
    std::thread::scope(|scope| {
        let (release, wait) = std::sync::mpsc::channel::<()>();
        pool.spawn(move || {
            let _ = wait.recv();
        });
        let (done, is_done) = std::sync::mpsc::channel();
        let pool = &pool;
        scope.spawn(move || {
            let result = execute(block, state, pool, options, &mut NoSink);
            done.send(result.is_ok()).expect("the test listens");
        });
        let ended = is_done.recv_timeout(Duration::from_secs(5));
        release.send(()).expect("the pool listens");
        assert_eq!(ended, Ok(true), "the block waited for the busy pool");
    });
}

#[test]
fn a_large_block_does_not_wait_for_a_busy_pool() {
    let mut state = MemoryState::new();
    rich(&mut state, 0..5000);
    let list = (0..5000).map(|n| tx(n, 0, address(10_000 + n), U256::from(1), 21_000)).collect();
    with_a_busy_pool(&block(SpecId::SHANGHAI, list), &state, &options(Mode::Optimistic, 2));
}

#[test]
fn an_access_list_does_not_wait_for_a_busy_pool() {
    let (mut block, state) = two_transfers();
    block.rules.spec = SpecId::CANCUN;
    let collect = Options { collect_access_list: true, ..options(Mode::Sequential, 1) };
    let given = run(&block, &state, &collect).expect("valid").access_list.map(Arc::new);
    with_a_busy_pool(&block, &state, &Options { access_list: given, ..options(Mode::AccessList, 2) });
}

// ---- costs ------------------------------------------------------------------------------------------------------

fn timed(block: &Block, state: &dyn StateSnapshot, options: &Options) -> (Duration, BlockOutput) {
    let pool = pool(options.threads.get());
    let start = Instant::now();
    let output = execute(block, state, &pool, options, &mut NoSink).expect("valid");
    (start.elapsed(), output)
}

/// Increments one slot.
const COUNTER: [u8; 9] = [PUSH1, 0, SLOAD, PUSH1, 1, ADD, PUSH1, 0, SSTORE];

#[test]
#[ignore = "measures"]
fn cost_of_a_hot_slot_with_an_access_list() {
    for count in [2_500, 5_000, 10_000, 20_000, 40_000] {
        let mut state = MemoryState::new();
        rich(&mut state, 0..count);
        let hot = Address::repeat_byte(0xb1);
        state.insert_account(hot, 1, U256::ZERO, Some(Bytes::from_static(&COUNTER)));
        let list = (0..count).map(|n| tx(n, 0, hot, U256::ZERO, 100_000)).collect();
        let block = block(SpecId::CANCUN, list);
        let collect = Options { collect_access_list: true, ..options(Mode::Sequential, 1) };
        let (sequential, output) = timed(&block, &state, &collect);
        let given = output.access_list.map(Arc::new);
        let options = |threads| Options { access_list: given.clone(), ..options(Mode::AccessList, threads) };
        let (one, _) = timed(&block, &state, &options(1));
        let (two, _) = timed(&block, &state, &options(2));
        println!(
            "hot slot, {count}: sequential {sequential:?}, access list 1 thread {one:?}, 2 threads {two:?}"
        );
    }
}

#[test]
#[ignore = "measures"]
fn cost_of_a_hot_recipient_with_an_access_list() {
    for count in [2_500, 5_000, 10_000, 20_000, 40_000] {
        let mut state = MemoryState::new();
        rich(&mut state, 0..count);
        let list = (0..count).map(|n| tx(n, 0, address(1_000_000), U256::from(1), 21_000)).collect();
        let block = block(SpecId::CANCUN, list);
        let collect = Options { collect_access_list: true, ..options(Mode::Sequential, 1) };
        let (sequential, output) = timed(&block, &state, &collect);
        let given = output.access_list.map(Arc::new);
        let options = |threads| Options { access_list: given.clone(), ..options(Mode::AccessList, threads) };
        let (one, _) = timed(&block, &state, &options(1));
        let (two, _) = timed(&block, &state, &options(2));
        println!(
            "hot recipient, {count}: sequential {sequential:?}, access list 1 thread {one:?}, 2 threads {two:?}"
        );
    }
}

/// `if sload(hub.0) == calldata(0) { hub.0 += 1 } else { trap }`, in the hub; a front for each transaction calls it,
/// so that nobody sees a chain.
fn hub(trap: &[u8]) -> Bytes {
    let mut code = vec![PUSH1, 0, SLOAD, PUSH1, 0, CALLDATALOAD, EQ];
    let target = code.len() + 4 + trap.len();
    code.push(PUSH2);
    code.extend((target as u16).to_be_bytes());
    code.push(JUMPI);
    code.extend(trap);
    code.extend([JUMPDEST, PUSH1, 0, SLOAD, PUSH1, 1, ADD, PUSH1, 0, SSTORE, STOP]);
    code.into()
}

/// Hands its calldata on.
fn front(hub: Address) -> Bytes {
    let mut code =
        vec![PUSH1, 32, PUSH1, 0, PUSH1, 0, CALLDATACOPY, PUSH1, 0, PUSH1, 0, PUSH1, 32, PUSH1, 0, PUSH1, 0];
    push20(&mut code, hub);
    code.extend([GAS, CALL, STOP]);
    code.into()
}

fn trapped(count: u32, trap: &[u8], gas_limit: u64) -> (Block, MemoryState) {
    let mut state = MemoryState::new();
    rich(&mut state, 0..count);
    let hub_at = Address::repeat_byte(0xb1);
    state.insert_account(hub_at, 1, U256::ZERO, Some(hub(trap)));
    let mut list = Vec::new();
    for n in 0..count {
        let at = Address::from_word(keccak256(n.to_be_bytes()));
        state.insert_account(at, 1, U256::ZERO, Some(front(hub_at)));
        let mut tx = tx(n, 0, at, U256::ZERO, gas_limit);
        tx.data = U256::from(n).to_be_bytes::<32>().to_vec().into();
        list.push(tx);
    }
    (block(SpecId::CANCUN, list), state)
}

/// What is executed on stale values may cost all of its gas limit, while in order it costs next to nothing.
#[test]
#[ignore = "measures"]
fn cost_of_speculation_that_burns_its_gas() {
    // JUMPDEST PUSH2 target JUMP
    let at = 11_u16.to_be_bytes();
    let burn = [JUMPDEST, PUSH2, at[0], at[1], JUMP];
    for (count, gas_limit) in [(1_000, 1_000_000), (1_000, 4_000_000), (1_000, 16_000_000)] {
        let (block, state) = trapped(count, &burn, gas_limit);
        let (sequential, output) = timed(&block, &state, &options(Mode::Sequential, 1));
        let (two, report) = timed(&block, &state, &options(Mode::Optimistic, 2));
        let recorded = Options { record: true, ..options(Mode::Optimistic, 2) };
        let events = timed(&block, &state, &recorded).1.report.schedule.expect("asked for").events;
        let stale = |event: &&Event| matches!(event, Event::Speculated { tx, reads, .. } if !reads.iter().any(|read| read.seen == Seen::Slot(U256::from(tx.0))));
        println!("{} stale of {}", events.iter().filter(stale).count(), events.len());
        println!(
            "burning {gas_limit}, {count} transactions, {} gas: sequential {sequential:?}, 2 threads {two:?}, {} executions",
            output.gas_used, report.report.executions
        );
    }
}

/// Versions of speculations that were thrown away stay in the lists.
#[test]
#[ignore = "measures"]
fn cost_of_dead_versions() {
    // On stale values it writes slots 1 to 40 of the hub; in order it reads them.
    let mut trap = Vec::new();
    for slot in 1..=40 {
        trap.extend([PUSH1, 7, PUSH1, slot, SSTORE]);
    }
    trap.push(STOP);
    for count in [1_000, 2_000, 4_000, 8_000, 16_000] {
        let (block, mut state) = trapped(count, &trap, 1_500_000);
        let mut code = hub(&trap).to_vec();
        code.pop();
        for slot in 1..=40 {
            code.extend([PUSH1, slot, SLOAD, POP]);
        }
        state.insert_account(Address::repeat_byte(0xb1), 1, U256::ZERO, Some(code.into()));
        let (sequential, _) = timed(&block, &state, &options(Mode::Sequential, 1));
        let (two, report) = timed(&block, &state, &options(Mode::Optimistic, 2));
        let (four, report4) = timed(&block, &state, &options(Mode::Optimistic, 4));
        println!(
            "dead versions, {count}: sequential {sequential:?}, 2 threads {two:?} ({} executions), 4 threads {four:?} ({})",
            report.report.executions, report4.report.executions
        );
    }
}

/// Hints let transactions run far ahead of the window; all write one slot that no hint names.
#[test]
#[ignore = "measures"]
fn cost_of_hints_that_run_ahead() {
    for count in [2_500, 5_000, 10_000, 20_000] {
        let mut state = MemoryState::new();
        rich(&mut state, 0..count);
        let hub_at = Address::repeat_byte(0xb1);
        let mut code = vec![PUSH1, 0, SLOAD, POP, PUSH1, 1];
        code.extend([PUSH1, 0, SSTORE, STOP]);
        state.insert_account(hub_at, 1, U256::ZERO, Some(code.into()));
        let slow = address(2_000_000);
        state.insert_account(slow, 1, U256::ZERO, Some(Bytes::from_static(&[STOP])));
        let mut list = Vec::new();
        for n in 0..count {
            let at = if n == 1 { slow } else { address(1_000_000 + n) };
            state.insert_account(address(1_000_000 + n), 1, U256::ZERO, Some(front(hub_at)));
            list.push(tx(n, 0, at, U256::ZERO, 100_000));
        }
        let mut block = block(SpecId::CANCUN, list);
        let first = Location::Account(Address::repeat_byte(0x77));
        for (n, tx) in block.transactions.iter_mut().enumerate() {
            let mut set = AccessSet::default();
            match n {
                0 => _ = set.writes.insert(first),
                1 => {}
                _ => _ = set.reads.insert(first),
            }
            tx.hint = AccessHint::Likely(set);
        }
        let state = slow_for(&state, slow, Duration::from_millis(500));
        let (sequential, _) = timed(&block, &state, &options(Mode::Sequential, 1));
        let (two, report) = timed(&block, &state, &options(Mode::Optimistic, 2));
        println!(
            "hints, {count}: sequential {sequential:?}, 2 threads {two:?} ({} executions, {} taken)",
            report.report.executions, report.report.speculated
        );
    }
}
