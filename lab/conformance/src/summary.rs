//! What a run found, per folder and in total.

use crate::{
    failure::{Failure, FailureKind, Skip},
    runner::FileResult,
};
use std::collections::BTreeMap;

/// Most failures, and most skips, that are listed one by one; the others are counted.
pub(crate) const MAX_LISTED: usize = 10_000;

/// What a run found. It is the same for the same input, whatever the number of threads.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Counts per folder, in alphabetical order.
    pub folders: BTreeMap<String, FolderSummary>,
    /// Counts of all folders together.
    pub total: FolderSummary,
    /// What failed, in order of folder and file; at most 10,000 of them.
    pub failures: Vec<Failure>,
    /// What was skipped, in the same order; at most 10,000 of them.
    pub skips: Vec<Skip>,
    /// Files that were passed over, because all their tests are of kinds that were not wanted.
    pub other_kinds: u64,
}

/// Counts of one folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct FolderSummary {
    /// Test files.
    pub files: u64,
    /// Vectors in them.
    pub vectors: u64,
    /// Vectors that passed.
    pub passed: u64,
    /// Vectors with a wrong result.
    pub failed: u64,
    /// Vectors that were not run, or that are outside what the code under test is for.
    pub skipped: u64,
    /// Vectors and files that are not usable.
    pub malformed: u64,
}

impl FolderSummary {
    fn add(&mut self, other: Self) {
        self.files += other.files;
        self.vectors += other.vectors;
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.malformed += other.malformed;
    }
}

impl Summary {
    /// Adds the result of one file.
    pub(crate) fn add(&mut self, file: &str, result: FileResult) {
        let FileResult { vectors, failures, skips } = result;
        let count = |kind| failures.iter().filter(|failure| failure.kind == kind).count() as u64;
        let (failed, malformed) = (count(FailureKind::Wrong), count(FailureKind::Malformed));
        let bad = failures.iter().filter(|failure| !failure.vector.is_empty()).count() as u64;
        let skipped = skips.len() as u64;
        let passed = vectors.saturating_sub(bad).saturating_sub(skipped);
        let counts = FolderSummary { files: 1, vectors, passed, failed, skipped, malformed };
        let folder = file.rsplit_once('/').map_or(".", |(folder, _)| folder);
        self.folders.entry(folder.to_owned()).or_default().add(counts);
        self.total.add(counts);
        let room = MAX_LISTED.saturating_sub(self.failures.len());
        self.failures.extend(failures.into_iter().take(room));
        let room = MAX_LISTED.saturating_sub(self.skips.len());
        self.skips.extend(skips.into_iter().take(room));
    }

    /// Whether there was something to run and nothing failed.
    pub const fn passed(&self) -> bool {
        self.total.passed > 0 && self.total.failed == 0 && self.total.malformed == 0
    }

    /// Whether some of the input is not usable, or there was nothing to run.
    pub const fn unusable(&self) -> bool {
        self.total.vectors == 0 || self.total.malformed > 0
    }

    /// Why vectors were skipped: each reason, with how many it holds for and the first of them.
    pub fn skip_reasons(&self) -> Vec<(&str, usize, &Skip)> {
        let mut reasons: Vec<(&str, usize, &Skip)> = Vec::new();
        for skip in &self.skips {
            match reasons.iter_mut().find(|(reason, ..)| *reason == skip.reason) {
                Some((_, count, _)) => *count += 1,
                None => reasons.push((&skip.reason, 1, skip)),
            }
        }
        reasons
    }

    /// A text table with one row per folder and the total. Folders are shown below the deepest one they share.
    pub fn to_table(&self) -> String {
        use comfy_table::{Cell, CellAlignment, Table, presets};
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        let row = |name: &str, counts: &FolderSummary| {
            let FolderSummary { files, vectors, passed, failed, skipped, malformed } = *counts;
            let numbers = [files, vectors, passed, failed, skipped, malformed];
            let numbers = numbers.map(|n| Cell::new(n).set_alignment(CellAlignment::Right));
            std::iter::once(Cell::new(name)).chain(numbers).collect::<Vec<_>>()
        };
        table.set_header(["folder", "files", "vectors", "passed", "failed", "skipped", "malformed"]);
        let shared = self.shared_folder();
        for (folder, counts) in &self.folders {
            let name = folder.get(shared..).unwrap_or(folder);
            table.add_row(row(if name.is_empty() { "." } else { name }, counts));
        }
        table.add_row(row("total", &self.total));
        table.to_string()
    }

    /// Length of the folder that all folders lie in, with its slash.
    fn shared_folder(&self) -> usize {
        let (Some(first), Some(last)) = (self.folders.keys().next(), self.folders.keys().next_back()) else {
            return 0;
        };
        // The names are sorted, so what first and last share is shared by all.
        let same = first.bytes().zip(last.bytes()).take_while(|(a, b)| a == b).count();
        first.as_bytes()[..same].iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(file: &str, vector: &str, kind: FailureKind) -> Failure {
        Failure { file: file.into(), vector: vector.into(), kind, reason: "because".into() }
    }

    #[test]
    fn counts_add_up_per_folder_and_in_total() {
        let result = |vectors, failures| FileResult { vectors, failures, skips: Vec::new() };
        let mut summary = Summary::default();
        assert!(summary.unusable());
        summary.add("x/a/1.json", result(3, vec![]));
        assert!(summary.passed());
        summary.add("x/b/2.json", result(2, vec![failure("x/b/2.json", "v", FailureKind::Wrong)]));
        assert!(!summary.passed() && !summary.unusable());
        summary.add("x/b/3.json", result(0, vec![failure("x/b/3.json", "", FailureKind::Malformed)]));
        assert!(summary.unusable());
        let b = summary.folders["x/b"];
        assert_eq!((b.files, b.vectors, b.passed, b.failed, b.malformed), (2, 2, 1, 1, 1));
        assert_eq!((summary.total.files, summary.total.vectors, summary.total.passed), (3, 5, 4));
        let table = summary.to_table();
        assert_eq!(table.lines().count(), 4, "{table}");
        assert!(table.lines().nth(1).unwrap().starts_with(" a "), "{table}");
    }
}
