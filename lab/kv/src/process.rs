//! What the kernel counts for this process, files of a folder, and children.

use eyre::{Result, eyre};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

/// A line of a file in `/proc/self`, as a number.
fn field(file: &str, name: &str) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/self/{file}"))?;
    text.lines()
        .find_map(|line| {
            line.strip_prefix(name)?.trim_start_matches(':').split_whitespace().next()?.parse().ok()
        })
        .ok_or_else(|| eyre!("no `{name}` in /proc/self/{file}"))
}

/// Bytes this process caused to be fetched from the disk.
pub fn bytes_read() -> Result<u64> {
    field("io", "read_bytes")
}

/// Bytes this process passed to the kernel for writing. `write_bytes` would be nearer to the disk, but counts a large folio of the
/// page cache as written when one page of it was.
pub fn bytes_written() -> Result<u64> {
    field("io", "wchar")
}

/// The most memory this process has held, in bytes, pages of mapped files included.
pub fn peak_memory() -> Result<u64> {
    Ok(field("status", "VmHWM")? * 1024)
}

/// Memory this process holds that is not backed by files, in bytes.
pub fn own_memory() -> Result<u64> {
    Ok(field("status", "RssAnon")? * 1024)
}

/// All regular files below `dir`, sorted.
pub fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.extend(files(&entry.path())?);
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Bytes that the files below `dir` take on the disk; holes take none.
pub fn disk_bytes(dir: &Path) -> Result<u64> {
    use std::os::unix::fs::MetadataExt;
    files(dir)?.iter().map(|path| Ok(fs::metadata(path)?.blocks() * 512)).sum()
}

/// Asks the kernel to forget what it holds of the files below `dir`.
pub fn forget_pages(dir: &Path) -> Result<()> {
    for path in files(dir)? {
        let file = File::open(path)?;
        file.sync_all()?;
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
    }
    Ok(())
}

/// Copies the folder `from` to `to`, which is replaced. Blocks of zeros become holes.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    use std::os::unix::fs::FileExt;
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir_all(to)?;
    for path in files(from)? {
        let target = to.join(path.strip_prefix(from)?);
        fs::create_dir_all(target.parent().expect("a file is in a folder"))?;
        let bytes = fs::read(&path)?;
        let file = File::create(target)?;
        for (index, chunk) in bytes.chunks(65_536).enumerate() {
            if chunk.iter().any(|byte| *byte != 0) {
                file.write_all_at(chunk, index as u64 * 65_536)?;
            }
        }
        file.set_len(bytes.len() as u64)?;
    }
    Ok(())
}
