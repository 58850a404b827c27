//! A chain as files.

use crate::{
    config::Config,
    error::GenerateError,
    generator::{Generator, Totals},
};
use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
};

/// The file that describes the genesis.
const GENESIS: &str = "genesis.json";
/// The blocks, one RLP form after the other.
const BLOCKS: &str = "chain.rlp";

/// A chain that has been written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// What it came to.
    pub totals: Totals,
    /// The genesis file.
    pub genesis: PathBuf,
    /// The file of blocks.
    pub blocks: PathBuf,
    /// Bytes of the file of blocks.
    pub bytes: u64,
}

/// How far a chain has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Blocks written.
    pub blocks: u64,
    /// Transactions in them.
    pub transactions: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Writes a chain into a folder, which is made if it is absent: `genesis.json` and `chain.rlp`. Older files of these names are
/// replaced. `report` is called after each block.
///
/// Blocks are written as they come; the genesis file comes last, because only then it is known when its forks happened.
pub fn write(
    config: &Config,
    folder: &Path,
    pool: &rayon::ThreadPool,
    report: &mut dyn FnMut(Progress),
) -> Result<Written, GenerateError> {
    let (genesis, blocks) = (folder.join(GENESIS), folder.join(BLOCKS));
    let failed = |path: &Path, source| GenerateError::Io { path: path.display().to_string(), source };
    let mut generator = Generator::new(config, pool)?;
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    // A genesis of another chain must not stand beside these blocks if this ends early.
    match std::fs::remove_file(&genesis) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(&genesis, error)),
        _ => {}
    }
    let mut file = BufWriter::new(File::create(&blocks).map_err(|error| failed(&blocks, error))?);
    let mut progress = Progress { blocks: 0, transactions: 0, bytes: 0 };
    while let Some(block) = generator.next_block(pool)? {
        let bytes = alloy_rlp::encode(&block);
        file.write_all(&bytes).map_err(|error| failed(&blocks, error))?;
        progress.blocks += 1;
        progress.transactions += block.body.transactions.len() as u64;
        progress.bytes += bytes.len() as u64;
        report(progress);
    }
    file.flush().map_err(|error| failed(&blocks, error))?;
    std::fs::write(&genesis, generator.genesis_json()).map_err(|error| failed(&genesis, error))?;
    Ok(Written { totals: generator.totals(), genesis, blocks, bytes: progress.bytes })
}
