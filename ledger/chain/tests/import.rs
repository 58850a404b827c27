//! A chain through every fork, from its genesis file and its blocks into a store: whole, interrupted, damaged.

use alloy_consensus::{Block, Header, TxEnvelope};
use alloy_primitives::{B256, Bloom, Bytes, U256};
use mundi_chain::{
    Genesis, Import, ImportError, ImportOptions, ImportPools, ImportSummary, Progress, decode_block,
};
use mundi_execution::{Mode, StateSnapshot as _};
use mundi_state::{Config, Store};
use rayon::ThreadPool;
use std::{
    fs,
    io::Read,
    num::NonZeroUsize,
    path::PathBuf,
    sync::{
        OnceLock,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

/// A file of the JSON-RPC fixtures.
fn rpc_file(name: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("MUNDI_FIXTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        PathBuf::from,
    );
    let Ok(file) = fs::File::open(folder.join("rpc.tar.gz")) else {
        println!("SKIPPED: there is no rpc.tar.gz in {}; set MUNDI_FIXTURES", folder.display());
        return None;
    };
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let mut entries = archive.entries().unwrap().map(Result::unwrap);
    let mut entry = entries.find(|entry| entry.path().unwrap().ends_with(name)).unwrap();
    let mut content = Vec::new();
    entry.read_to_end(&mut content).unwrap();
    Some(content)
}

/// The conformance chain: 54 blocks, Homestead to BPO2.
struct Chain {
    genesis: Genesis,
    blocks: Vec<Vec<u8>>,
    head: B256,
}

impl Chain {
    /// `None` without the fixtures.
    fn get() -> Option<&'static Self> {
        static CHAIN: OnceLock<Option<Chain>> = OnceLock::new();
        CHAIN.get_or_init(Self::read).as_ref()
    }

    fn read() -> Option<Self> {
        let genesis = Genesis::from_json(&rpc_file("genesis.json")?).unwrap();
        let bytes = rpc_file("chain.rlp")?;
        let mut rest = &bytes[..];
        let mut blocks = Vec::new();
        while !rest.is_empty() {
            let length = alloy_rlp::Header::decode(&mut &*rest).unwrap().length_with_payload();
            let (block, following) = rest.split_at(length);
            blocks.push(block.to_vec());
            rest = following;
        }
        let head: serde_json::Value = serde_json::from_slice(&rpc_file("headfcu.json")?).unwrap();
        let head = head["params"][0]["headBlockHash"].as_str().unwrap().parse().unwrap();
        Some(Self { genesis, blocks, head })
    }

    fn bytes(&self) -> Vec<u8> {
        self.blocks.concat()
    }

    fn block(&self, number: usize) -> Block<TxEnvelope> {
        decode_block(&self.blocks[number - 1]).unwrap().into_inner()
    }

    /// The chain with another block in the place of one.
    fn forged(&self, number: usize, forge: impl FnOnce(&mut Block<TxEnvelope>)) -> Vec<u8> {
        let mut block = self.block(number);
        forge(&mut block);
        let mut blocks = self.blocks.clone();
        blocks[number - 1] = alloy_rlp::encode(&block);
        blocks.concat()
    }
}

/// A store that goes with the test.
struct Home {
    path: PathBuf,
    pool: ThreadPool,
}

impl Home {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("mundi-import-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        Self { path, pool: rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap() }
    }

    fn create(&self, genesis: &Genesis) -> Store {
        Store::create(&self.path, &config(), &genesis.record(), &genesis.alloc, &self.pool).unwrap()
    }

    fn open(&self) -> Store {
        Store::open(&self.path, &config(), &self.pool).unwrap()
    }

    fn import(&self, store: &Store, chain: &Chain, source: &[u8]) -> Result<ImportSummary, ImportError> {
        self.import_until(store, chain, source, u64::MAX)
    }

    /// Cancels as soon as a block at `height` is in.
    fn import_until(
        &self,
        store: &Store,
        chain: &Chain,
        source: &[u8],
        height: u64,
    ) -> Result<ImportSummary, ImportError> {
        let reached = AtomicU64::new(0);
        let options = ImportOptions {
            mode: Mode::Optimistic,
            threads: NonZeroUsize::new(3).unwrap(),
            queue_blocks: 3,
            ..ImportOptions::default()
        };
        Import {
            store,
            spec: &chain.genesis.spec,
            options: &options,
            pools: ImportPools { engine: &self.pool, background: &self.pool },
            cancelled: &|| reached.load(Ordering::Relaxed) >= height,
            progress: &|progress: &Progress| reached.store(progress.height, Ordering::Relaxed),
        }
        .run(source)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Small bounds, so that blocks are flushed on the way.
fn config() -> Config {
    Config { cache_bytes: 16 << 20, max_layers: 5, ..Config::default() }
}

#[test]
fn the_conformance_chain_imports_to_its_head() {
    let Some(chain) = Chain::get() else { return };
    let home = Home::new();
    let store = home.create(&chain.genesis);
    let summary = home.import(&store, chain, &chain.bytes()).unwrap();
    assert_eq!((summary.tip.height, summary.tip.hash), (54, chain.head));
    assert!(!summary.cancelled);
    let Progress { blocks, skipped, transactions, gas, bytes, .. } = summary.progress;
    assert_eq!((blocks, skipped, bytes), (54, 0, chain.bytes().len() as u64));
    let headers = (1..=54).map(|number| chain.block(number));
    let expected = headers.fold((0, 0), |(txs, gas), block| {
        (txs + block.body.transactions.len() as u64, gas + block.header.gas_used)
    });
    assert_eq!((transactions, gas), expected);

    drop(store);
    let store = home.open();
    assert_eq!(store.persisted(), summary.tip);
    let mut total = chain.genesis.header.difficulty;
    for number in 1..=54 {
        let block = chain.block(number);
        total += block.header.difficulty;
        let number = number as u64;
        let stored = store.header(number).unwrap().unwrap();
        assert_eq!((stored.header, stored.total_difficulty), (block.header.clone(), total));
        assert_eq!(store.height_of(&stored.hash).unwrap(), Some(number));
        let receipts = store.receipts(number).unwrap().unwrap();
        assert_eq!(alloy_consensus::proofs::calculate_receipt_root(&receipts), block.header.receipts_root);
        assert_eq!(store.body(number).unwrap().unwrap().body, block.body);
    }
    assert_eq!(store.latest().state_root(), chain.block(54).header.state_root);
    assert_eq!(store.latest().block_hash(53).unwrap(), chain.block(54).header.parent_hash);

    let again = home.import(&store, chain, &chain.bytes()).unwrap();
    assert_eq!((again.progress.blocks, again.progress.skipped, again.tip), (0, 54, summary.tip));
}

#[test]
fn an_interrupted_import_goes_on_where_it_ended() {
    let Some(chain) = Chain::get() else { return };
    let home = Home::new();
    drop(home.create(&chain.genesis));
    let mut height = 0;
    for stop in [1, 4, 17, 30, 53] {
        let store = home.open();
        assert_eq!(store.tip().height, height);
        let summary = home.import_until(&store, chain, &chain.bytes(), stop).unwrap();
        assert_eq!(summary.tip, store.persisted());
        assert!(summary.tip.height >= stop.max(height), "{summary:?}");
        assert_eq!(summary.cancelled, summary.tip.height < 54, "{summary:?}");
        height = summary.tip.height;
    }
    let store = home.open();
    let summary = home.import(&store, chain, &chain.bytes()).unwrap();
    assert_eq!(summary.tip.hash, chain.head);
    assert_eq!(summary.progress.skipped, height);
}

/// Imports a chain with one forged block, and expects it to be refused for `field`.
#[track_caller]
fn refused(chain: &Chain, number: usize, field: &str, forge: impl FnOnce(&mut Block<TxEnvelope>)) -> Home {
    let home = Home::new();
    let store = home.create(&chain.genesis);
    let error = home.import(&store, chain, &chain.forged(number, forge)).unwrap_err();
    assert!(error.is_verdict(), "{error}");
    let message = error.to_string();
    let wanted = format!("block {number}: {field}");
    assert!(message.starts_with(&wanted), "expected '{wanted}', got '{message}'");
    let kept = number as u64 - 1;
    assert_eq!((store.tip().height, store.persisted().height), (kept, kept));
    home
}

#[test]
fn a_bad_block_stops_the_import_and_is_named_with_its_field() {
    let Some(chain) = Chain::get() else { return };
    let header = |forge: fn(&mut Header)| move |block: &mut Block<TxEnvelope>| forge(&mut block.header);
    let other = B256::repeat_byte(7);
    refused(chain, 1, "parentHash: expected 0x", header(|header| header.parent_hash = B256::ZERO));
    refused(chain, 20, "sha3Uncles: ", header(|header| header.ommers_hash = B256::ZERO));
    // Whoever gets the reward is in the state, and nowhere else.
    refused(chain, 21, "stateRoot: expected 0x", header(|header| header.beneficiary.0[0] ^= 1));
    for number in [2, 9, 30, 54] {
        let home =
            refused(chain, number, "stateRoot: expected 0x", move |block| block.header.state_root = other);
        // What is kept is sound: the true chain goes on from there.
        let store = home.open();
        let summary = home.import(&store, chain, &chain.bytes()).unwrap();
        assert_eq!((summary.tip.hash, summary.progress.skipped), (chain.head, number as u64 - 1));
    }
    refused(chain, 12, "transactionsRoot: ", header(|header| header.transactions_root = B256::ZERO));
    for number in [2, 6, 40] {
        refused(chain, number, "receiptsRoot: execution gives 0x", move |block| {
            block.header.receipts_root = other;
        });
    }
    refused(chain, 13, "logsBloom: ", header(|header| header.logs_bloom = Bloom::repeat_byte(1)));
    refused(chain, 14, "difficulty: ", header(|header| header.difficulty += U256::from(1)));
    refused(chain, 50, "difficulty: ", header(|header| header.difficulty += U256::from(1)));
    refused(chain, 15, "gasLimit: ", header(|header| header.gas_limit *= 2));
    refused(chain, 16, "gasUsed: ", header(|header| header.gas_used += 1));
    refused(chain, 17, "timestamp: ", header(|header| header.timestamp = 0));
    let long = |header: &mut Header| header.extra_data = Bytes::from_static(&[0; 33]);
    refused(chain, 18, "extraData: ", header(long));
    refused(
        chain,
        40,
        "baseFeePerGas: ",
        header(|header| {
            header.base_fee_per_gas = header.base_fee_per_gas.map(|fee| fee + 1);
        }),
    );
    refused(chain, 42, "withdrawalsRoot: ", header(|header| header.withdrawals_root = Some(B256::ZERO)));
    refused(chain, 46, "blobGasUsed: ", header(|header| header.blob_gas_used = Some(131_072)));
    refused(chain, 47, "excessBlobGas: ", header(|header| header.excess_blob_gas = Some(131_072)));
    // It is what a system contract writes down (EIP-4788).
    let beacon = |header: &mut Header| header.parent_beacon_block_root = Some(B256::repeat_byte(9));
    refused(chain, 48, "stateRoot: ", header(beacon));
    refused(chain, 49, "requestsHash: ", header(|header| header.requests_hash = Some(B256::ZERO)));
}

#[test]
fn a_file_that_is_cut_off_gives_all_its_whole_blocks() {
    let Some(chain) = Chain::get() else { return };
    let bytes = chain.bytes();
    let end_of_40 = chain.blocks[..40].concat().len();
    let home = Home::new();
    let store = home.create(&chain.genesis);
    for cut in [1, 2, 3, chain.blocks[40].len() - 1] {
        let error = home.import(&store, chain, &bytes[..end_of_40 + cut]).unwrap_err();
        assert!(
            matches!(error, ImportError::Truncated { offset, after: 40, got, .. }
                if offset == end_of_40 as u64 && got == cut as u64),
            "{error:?}"
        );
        assert_eq!(store.persisted().height, 40);
    }
    let rest = home.import(&store, chain, &bytes[end_of_40..]).unwrap();
    assert_eq!(rest.tip.hash, chain.head);
}

#[test]
fn bytes_that_are_no_blocks_are_refused_where_they_begin() {
    let Some(chain) = Chain::get() else { return };
    let home = Home::new();
    let store = home.create(&chain.genesis);
    let first = &chain.blocks[0];
    let followed = |bytes: &[u8]| home.import(&store, chain, &[first, bytes].concat()).unwrap_err();
    for bytes in [&b"hello"[..], &[0x80], &[0xc0], &[0xc3, 1, 2, 3], &[0xf8, 0x01, 0x00]] {
        let error = followed(bytes);
        assert!(
            matches!(error, ImportError::NotABlock { offset, after: 1, .. } if offset == first.len() as u64),
            "{bytes:?}: {error:?}"
        );
    }
    assert!(matches!(followed(&[0xff; 9]), ImportError::TooLarge { after: 1, .. }));
    assert!(matches!(followed(&[0xfa, 0x10, 0, 0]), ImportError::Truncated { after: 1, got: 4, .. }));
    assert_eq!(store.tip().height, 1);
    let summary = home.import(&store, chain, &[]).unwrap();
    assert_eq!((summary.progress.bytes, summary.tip.height), (0, 1));
}

#[test]
fn blocks_of_another_chain_are_refused() {
    let Some(chain) = Chain::get() else { return };
    let home = Home::new();
    let mut genesis = chain.genesis.clone();
    genesis.header.extra_data = Bytes::from_static(b"another");
    genesis.hash = genesis.header.hash_slow();
    let store = home.create(&genesis);
    let error = home.import(&store, chain, &chain.bytes()).unwrap_err().to_string();
    assert!(error.starts_with(&format!("block 1: parentHash: expected {}", genesis.hash)), "{error}");

    let home = Home::new();
    let store = home.create(&chain.genesis);
    let error = home.import(&store, chain, &chain.blocks[1..].concat()).unwrap_err().to_string();
    assert_eq!(error, "block 2: number: expected 1, got 2");
    home.import(&store, chain, &chain.blocks[..10].concat()).unwrap();
    let forged = chain.forged(7, |block| block.header.nonce.0[0] ^= 1);
    let error = home.import(&store, chain, &forged).unwrap_err().to_string();
    assert!(error.starts_with("block 7: hash: expected 0x"), "{error}");
    assert_eq!(store.tip().height, 10);
    // Overlapping pieces in one stream, and the genesis as other tools export it, do no harm.
    let genesis = Block::<TxEnvelope>::uncle(chain.genesis.header.clone());
    let pieces = [&[alloy_rlp::encode(&genesis)], &chain.blocks[..30], &chain.blocks[20..]].concat();
    let summary = home.import(&store, chain, &pieces.concat()).unwrap();
    assert_eq!((summary.tip.hash, summary.progress.skipped), (chain.head, 11 + 10));
}

#[test]
fn any_damaged_byte_is_an_error_and_keeps_what_is_before() {
    let Some(chain) = Chain::get() else { return };
    let mut bytes = chain.bytes();
    // One place in every third block, another one each time.
    for number in (1..54).step_by(3) {
        let start = chain.blocks[..number].concat().len();
        let place = start + (number * 7_919) % chain.blocks[number].len();
        bytes[place] ^= 1 << (number % 8);
        let home = Home::new();
        let store = home.create(&chain.genesis);
        let error = home.import(&store, chain, &bytes).unwrap_err();
        // A block with another seal or another text is another block, to which only the next one objects.
        let kept = store.persisted().height;
        let bad = number as u64 + 1;
        assert!(
            kept + 1 == bad || kept == bad && error.to_string().contains("parentHash"),
            "{place}: {error}"
        );
        bytes[place] ^= 1 << (number % 8);
    }
}
