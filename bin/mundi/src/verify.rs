//! `mundi verify`: needs a file and a key, and nothing else.

mod date;
mod file;
mod report;

use crate::{
    Verdict,
    cli::{BlockProofArgs, ProofArgs, VerifyCommand, VerifyCommandArgs, WantedBlock},
    console,
};
use alloy_primitives::B256;
use mundi_consensus::{
    GroupKey,
    finality::{FinalityError, FinalizedAccount, FinalizedHeader, FinalizedPayload, FinalizedReceipt},
};
use report::Report;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

/// Most characters of what others have written, or of values that differ, in a message.
const MOST_MESSAGE: usize = 2000;

pub(crate) fn run(args: &VerifyCommandArgs) -> eyre::Result<Verdict> {
    match &args.command {
        VerifyCommand::Header(args) => of_block::<FinalizedHeader>(args),
        VerifyCommand::Account(args) => of_block::<FinalizedAccount>(args),
        VerifyCommand::Storage(args) => of_block::<Storage>(args),
        VerifyCommand::Receipt(args) => of_block::<FinalizedReceipt>(args),
        VerifyCommand::Certificate(args) => told(args, proven::<FinalizedPayload>(args, None)?),
    }
}

fn of_block<P: Proof>(args: &BlockProofArgs) -> eyre::Result<Verdict> {
    told(&args.proof, proven::<P>(&args.proof, args.block)?)
}

/// A proof as a file holds it.
trait Proof: DeserializeOwned {
    /// The method that returns it.
    const METHOD: &'static str;

    /// What is not there that has to be, whatever is proven.
    fn lacks(&self) -> Option<&'static str> {
        None
    }

    /// The chain that it names.
    fn genesis(&self) -> B256;

    /// Checks it, and says what is proven.
    fn check(&self, key: &GroupKey) -> Result<Report, FinalityError>;
}

impl Proof for FinalizedHeader {
    const METHOD: &'static str = "mundi_getFinalizedHeader";

    fn genesis(&self) -> B256 {
        self.genesis_hash
    }

    fn check(&self, key: &GroupKey) -> Result<Report, FinalityError> {
        Ok(Report::header(self, &self.verify(key)?))
    }
}

impl Proof for FinalizedAccount {
    const METHOD: &'static str = "mundi_getFinalizedAccount";

    fn genesis(&self) -> B256 {
        self.finalized_header.genesis_hash
    }

    fn check(&self, key: &GroupKey) -> Result<Report, FinalityError> {
        let proven = self.verify(key)?;
        Ok(Report::header(&self.finalized_header, &proven.header).account(&proven).slots(&proven))
    }
}

/// An account of which only the slots are of interest.
#[derive(Deserialize)]
#[serde(transparent)]
struct Storage(FinalizedAccount);

impl Proof for Storage {
    const METHOD: &'static str = FinalizedAccount::METHOD;

    fn lacks(&self) -> Option<&'static str> {
        self.0.proof.storage_proof.is_empty().then_some(
            "no slot is in it: name slots when you ask for it, or check the account with `mundi verify account`",
        )
    }

    fn genesis(&self) -> B256 {
        self.0.genesis()
    }

    fn check(&self, key: &GroupKey) -> Result<Report, FinalityError> {
        let proven = self.0.verify(key)?;
        Ok(Report::header(&self.0.finalized_header, &proven.header).address(&proven).slots(&proven))
    }
}

impl Proof for FinalizedReceipt {
    const METHOD: &'static str = "mundi_getFinalizedReceipt";

    fn genesis(&self) -> B256 {
        self.finalized_header.genesis_hash
    }

    fn check(&self, key: &GroupKey) -> Result<Report, FinalityError> {
        let proven = self.verify(key)?;
        Ok(Report::header(&self.finalized_header, &proven.header).receipt(&self.proof, &proven))
    }
}

impl Proof for FinalizedPayload {
    const METHOD: &'static str = "mundi_getCertificate";

    fn genesis(&self) -> B256 {
        self.genesis_hash
    }

    fn check(&self, key: &GroupKey) -> Result<Report, FinalityError> {
        Ok(Report::payload(self, &self.verify(key)?))
    }
}

/// Reads a proof and checks it: what is proven, or why it is not what was asked for.
fn proven<P: Proof>(args: &ProofArgs, block: Option<WantedBlock>) -> eyre::Result<Result<Report, String>> {
    let proof: P = file::read(&args.file)?;
    let genesis = proof.genesis();
    if let Some(wanted) = args.genesis.filter(|wanted| *wanted != genesis) {
        return Ok(Err(format!("it is for the chain with genesis {genesis}, not {wanted}")));
    }
    let report = match proof.check(&args.group_key) {
        Ok(report) => report,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let Some((number, hash)) = report.block else { return Ok(Ok(report)) };
    let other = match block {
        Some(WantedBlock::Number(wanted)) if wanted != number => wanted.to_string(),
        Some(WantedBlock::Hash(wanted)) if wanted != hash => wanted.to_string(),
        _ => return Ok(Ok(report)),
    };
    Ok(Err(format!("it is for block {number} {hash}, not {other}")))
}

fn told(args: &ProofArgs, proven: Result<Report, String>) -> eyre::Result<Verdict> {
    match proven {
        Ok(report) => {
            let text = if args.json { format!("{:#}\n", report.json()) } else { report.text() };
            console::print(text.as_bytes())?;
            Ok(Verdict::Right)
        }
        Err(reason) => {
            let reason = plain(&reason);
            if args.json {
                let json = json!({ "proven": false, "reason": reason });
                console::print(format!("{json:#}\n").as_bytes())?;
            }
            console::warn(&format!("error: not proven: {reason}"));
            Ok(Verdict::Wrong)
        }
    }
}

/// A text that may be anybody's, fit for a terminal.
fn plain(text: &str) -> String {
    let mut plain: String = text.chars().filter(|char| !char.is_control()).take(MOST_MESSAGE + 1).collect();
    if let Some((end, _)) = plain.char_indices().nth(MOST_MESSAGE) {
        plain.truncate(end);
        plain.push('…');
    }
    plain
}
