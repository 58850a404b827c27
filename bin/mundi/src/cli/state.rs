//! `mundi state`.

use super::{import::cache, threads};
use alloy_primitives::{Address, B256, U256};
use clap::{Args, Subcommand, ValueHint};
use std::{num::NonZeroUsize, path::PathBuf};

/// Look at a chain's state, check it, and carry it elsewhere.
///
/// The state is what all accounts hold after a block: balances, nonces, code and storage. `mundi import` makes one by
/// executing a chain; `mundi state import` takes one from a file.
#[derive(Debug, Args)]
#[command(disable_help_subcommand = true, arg_required_else_help = true)]
#[command(after_help = "\
Examples:
  mundi state get 0x00000000219ab540356cBB839Cbe05303d7705Fa      an account
  mundi state get 0xdAC17F958D2ee523a2206206994597C13D831ec7 0    a slot of it
  mundi state stats                                               how large is all of it?
  mundi state verify                                              is it what the block says?
  mundi state export state.bin                                    all of it in one file
  mundi state import state.bin --datadir other                    a new store of that file

A store is for one process at a time.")]
pub(crate) struct StateArgs {
    #[command(subcommand)]
    pub(crate) command: StateCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StateCommand {
    Get(GetArgs),
    Stats(StatsArgs),
    Verify(VerifyArgs),
    Export(ExportArgs),
    Import(StateImportArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DataDirArgs {
    /// Folder of the chain [default: $XDG_DATA_HOME/mundi or ~/.local/share/mundi].
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) datadir: Option<PathBuf>,
}

/// Print an account, and slots of its storage.
///
/// Of the newest block, or of any other that is kept (`mundi import --history`).
///
/// With --proof also what proves it: the nodes of the state's trie from the root in the block's header to the account, and
/// from there to each slot. The proof is checked before it is printed, as anybody can check it who knows the header.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mundi state get 0x00000000219ab540356cBB839Cbe05303d7705Fa
  mundi state get 0xdAC17F958D2ee523a2206206994597C13D831ec7 0 1 0x02    three slots
  mundi state get 0xdAC17F958D2ee523a2206206994597C13D831ec7 0 --block 19426587
  mundi state get 0xdAC17F958D2ee523a2206206994597C13D831ec7 0 --proof --json    as eth_getProof gives it

Exit status:
  0  printed; an account that is not there is an answer too
  1  the proof does not hold: the store is damaged
  2  the block is not kept, the store cannot be opened, or the address is none")]
pub(crate) struct GetArgs {
    /// The account.
    #[arg(value_parser = address)]
    pub(crate) address: Address,
    /// Slots of its storage, decimal or with 0x.
    #[arg(value_name = "SLOT", value_parser = slot)]
    pub(crate) slots: Vec<U256>,
    /// After which block: a number, a hash, or `latest`.
    #[arg(long, value_name = "BLOCK", default_value = "latest", value_parser = block)]
    pub(crate) block: Block,
    /// Print the proof too, and check it.
    #[arg(long)]
    pub(crate) proof: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: DataDirArgs,
}

/// Say how large a store is, and what for.
///
/// Bytes on disk and keys of each table, bytes for each account and slot beside the least that they could take, and which
/// blocks are kept.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mundi state stats
  mundi state stats --count
  mundi state stats --json | jq '.tables[] | {name, bytes}'")]
pub(crate) struct StatsArgs {
    /// Count all keys, which reads the whole store; otherwise the larger tables are estimated.
    #[arg(long)]
    pub(crate) count: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: DataDirArgs,
}

/// Check that a store is sound.
///
/// Reads every file and compares it with its checksum; computes the root of every account's storage and of the state from
/// the values alone, by other code than the one that keeps them; compares code with its hashes, the nodes of the tries with
/// each other and with the roots; looks for storage that belongs to nobody. What is wrong is named.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mundi state verify
  mundi state verify --datadir ~/chain --limit 1000

Exit status:
  0    sound
  1    something is wrong; it says what
  2    the store cannot be opened, or a file of it is damaged
  130  stopped by Ctrl-C")]
pub(crate) struct VerifyArgs {
    /// Stop after this many things that are wrong.
    #[arg(long, value_name = "N", default_value = "20")]
    pub(crate) limit: NonZeroUsize,
    /// Leave out the files' checksums.
    #[arg(long)]
    pub(crate) skip_files: bool,
    /// Threads [default: all cores].
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: DataDirArgs,
}

/// Write the state of the newest block into one file.
///
/// All accounts with their code and storage, and what later blocks need of the chain: the newest eight blocks, and the
/// headers of 248 before them. All roots are computed again on the way, so the file is that of a sound state. The same state
/// gives the same file.
///
/// The file gets its name when it is complete.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mundi state export state.bin
  mundi state export - | zstd > state.zst
  mundi state export - | ssh other mundi state import -

Exit status:
  0    written
  2    the store cannot be opened or is damaged, or the file cannot be written
  130  stopped by Ctrl-C; there is no file")]
pub(crate) struct ExportArgs {
    /// The file, an older one is replaced; `-` is standard output.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) place: DataDirArgs,
}

/// Make a new store of a file that `mundi state export` wrote.
///
/// The chain goes on from there with `mundi import`, without the blocks before. The file is checked against itself down
/// to the state root: nobody can give you another state under the hash of a block. Whether that is the block you want only
/// you can know: compare the hash that is printed, or name it with --block.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mundi state import state.bin --datadir new
  mundi state import state.bin --genesis genesis.json --block 0x3f1c…
  zstd -d < state.zst | mundi state import -
  mundi import more.rlp                                    and on it goes

Exit status:
  0    the store is there
  2    the file is no good or of another chain, or there is a store already
  130  stopped by Ctrl-C; nothing is there")]
pub(crate) struct StateImportArgs {
    /// The file, plain or gzip; `-` is standard input.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// The chain's genesis file, for the blocks to come; `mundi import` takes it too.
    #[arg(long, value_name = "GENESIS.json", value_hint = ValueHint::FilePath)]
    pub(crate) genesis: Option<PathBuf>,
    /// Hash of the block whose state it has to be.
    #[arg(long, value_name = "HASH")]
    pub(crate) block: Option<B256>,
    /// Threads [default: all cores].
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Memory for the caches, as in 512MiB or 4GB.
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = cache)]
    pub(crate) cache: u64,
    #[command(flatten)]
    pub(crate) place: DataDirArgs,
}

/// Which block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    Latest,
    Number(u64),
    Hash(B256),
}

fn block(text: &str) -> Result<Block, String> {
    let hash = text.strip_prefix("0x").filter(|hex| hex.len() == 64);
    let block = match (text, hash) {
        ("latest", _) => Some(Block::Latest),
        (_, Some(hash)) => hash.parse().ok().map(Block::Hash),
        (_, None) => number(text).and_then(|number| number.try_into().ok()).map(Block::Number),
    };
    block.ok_or_else(|| {
        "expected the number of a block, as in 19426587 or 0x1286d5b, its hash, or `latest`".to_owned()
    })
}

fn slot(text: &str) -> Result<U256, String> {
    number(text)
        .ok_or_else(|| "expected a number below 2^256, decimal or with 0x, as in 3 or 0x0a".to_owned())
}

/// A number, decimal or with 0x.
fn number(text: &str) -> Option<U256> {
    let (digits, radix) = text.strip_prefix("0x").map_or((text, 10), |hex| (hex, 16));
    let plain = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
    plain.then(|| U256::from_str_radix(digits, radix.into()).ok()).flatten()
}

fn address(text: &str) -> Result<Address, String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let address = (digits.len() == 40).then(|| digits.parse::<Address>().ok()).flatten();
    let Some(address) = address else {
        return Err("expected 20 bytes, as in 0x00000000219ab540356cBB839Cbe05303d7705Fa".to_owned());
    };
    let mixed = digits.contains(|digit: char| digit.is_ascii_lowercase())
        && digits.contains(|digit: char| digit.is_ascii_uppercase());
    // EIP-55: the case of the letters is a checksum.
    if mixed && address.to_checksum(None)[2..] != *digits {
        return Err("a digit is mistyped: its upper and lower case letters do not fit (EIP-55)".to_owned());
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_a_typo_are_refused() {
        let deposit = "0x00000000219ab540356cBB839Cbe05303d7705Fa";
        for text in
            [deposit, &deposit[2..], &deposit.to_lowercase(), &deposit.replace("0x", "").to_uppercase()]
        {
            assert!(address(text).is_ok(), "{text}");
        }
        for text in
            ["", "0x", "deposit.eth", &deposit[..41], &format!("{deposit}0"), &deposit.replace("03d", "0ed")]
        {
            assert!(address(text).is_err(), "{text}");
        }
        assert!(address(&deposit.replace('c', "C")).unwrap_err().contains("EIP-55"));
    }

    #[test]
    fn numbers_are_decimal_or_hexadecimal() {
        assert_eq!(slot("10"), Ok(U256::from(10)));
        assert_eq!(slot("0x10"), Ok(U256::from(16)));
        assert_eq!(slot(&format!("0x{}", "f".repeat(64))), Ok(U256::MAX));
        assert_eq!(slot(&U256::MAX.to_string()), Ok(U256::MAX));
        for text in ["", "0x", "-1", "+1", "1_0", "ten", "0xg", &format!("0x1{}", "0".repeat(64))] {
            assert!(slot(text).is_err(), "{text}");
        }
        assert_eq!(block("latest"), Ok(Block::Latest));
        assert_eq!(block("0x10"), Ok(Block::Number(16)));
        assert_eq!(block(&B256::repeat_byte(1).to_string()), Ok(Block::Hash(B256::repeat_byte(1))));
        assert!(block("99999999999999999999").is_err() && block("newest").is_err());
    }
}
