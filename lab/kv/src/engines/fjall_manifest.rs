//! Checks of fjall's files that fjall 3.1 does not make itself.
//!
//! A folder `keyspaces/N` names its manifest in the file `current`: the manifest's number (8 bytes, little endian), the XXH3-128 of
//! the file `v<number>` (16 bytes) and the kind of the checksum (0). fjall writes that checksum and never compares it, so that a
//! flipped bit in the manifest can give a table another age and bring back old values. A keyspace without `current` it takes for
//! half-made and deletes; without `keyspaces/0/current` it deletes them all.

use eyre::{Result, WrapErr, ensure};
use std::{fs, path::Path};
use xxhash_rust::xxh3::xxh3_128;

/// Fails unless `dir` holds no database, or `keyspaces` folders and one of fjall's own, each with the manifest that it names.
pub fn check(dir: &Path, keyspaces: usize) -> Result<()> {
    let root = dir.join("keyspaces");
    if !root.exists() {
        return Ok(());
    }
    let mut found = 0;
    for entry in fs::read_dir(&root)? {
        let folder = entry?.path();
        let name = folder.join("current");
        let current = fs::read(&name).wrap_err_with(|| format!("{} cannot be read", name.display()))?;
        ensure!(current.len() == 25 && current[24] == 0, "{} is damaged", name.display());
        let (number, checksum) = current[..24].split_at(8);
        let number = u64::from_le_bytes(number.try_into().expect("8 bytes"));
        let manifest = folder.join(format!("v{number}"));
        let bytes = fs::read(&manifest).wrap_err_with(|| format!("{} cannot be read", manifest.display()))?;
        ensure!(xxh3_128(&bytes).to_le_bytes() == checksum, "{} is damaged", manifest.display());
        found += 1;
    }
    ensure!(found == keyspaces + 1, "{}: {found} keyspaces instead of {}", root.display(), keyspaces + 1);
    Ok(())
}
