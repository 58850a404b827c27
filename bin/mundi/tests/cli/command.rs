//! Running the command, and folders for it to work in.

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicU32, Ordering},
};

/// The command, before it is run: without colours, and without settings from outside.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mundi"));
    command.args(arguments).env("NO_COLOR", "1");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MUNDI_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs it to its end.
pub(crate) fn mundi(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Expects a status, and texts in what was printed; no text is nothing at all on standard error.
#[track_caller]
pub(crate) fn expect(output: &Output, status: i32, stdout: &str, stderr: &str) {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "{out}{err}");
    assert!(out.contains(stdout), "expected '{stdout}' in: {out}");
    assert!(err.contains(stderr) && err.is_empty() == stderr.is_empty(), "expected '{stderr}' in: {err}");
}

/// Runs it and expects status 2, nothing on standard output, and `message` in the first line of standard error.
#[track_caller]
pub(crate) fn refused(arguments: &[&str], message: &str) {
    let output = mundi(arguments);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    let line = stderr.lines().next().unwrap_or_default();
    assert!(line.starts_with("error: ") && line.contains(message), "{arguments:?}: {stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
}

/// A folder that goes with the test. Its name has a space, as names of folders may.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("mundi cli {name}-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn at(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    pub(crate) fn path(&self) -> String {
        self.0.display().to_string()
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap()
    }

    pub(crate) fn file(&self, name: &str, content: &[u8]) -> String {
        fs::write(self.0.join(name), content).unwrap();
        self.at(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The files of the JSON-RPC fixtures whose path from the folder of cases on is wanted. `None` without the fixtures.
pub(crate) fn fixtures(wanted: impl Fn(&Path) -> bool) -> Option<Vec<(PathBuf, Vec<u8>)>> {
    let folder = std::env::var_os("MUNDI_FIXTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        PathBuf::from,
    );
    let Ok(archive) = File::open(folder.join("rpc.tar.gz")) else {
        println!("SKIPPED: there is no rpc.tar.gz in {}; set MUNDI_FIXTURES", folder.display());
        return None;
    };
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    let mut files = Vec::new();
    for mut entry in archive.entries().unwrap().map(Result::unwrap) {
        let path: PathBuf =
            entry.path().unwrap().iter().skip_while(|part| *part != "tests").skip(1).collect();
        if wanted(&path) {
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            files.push((path, content));
        }
    }
    Some(files)
}

/// A folder with the files of the conformance chain. `None` without the fixtures.
pub(crate) fn conformance_folder(name: &str) -> Option<Folder> {
    let names = ["genesis.json", "chain.rlp", "headfcu.json"];
    let files = fixtures(|path| names.iter().any(|name| path == Path::new(name)))?;
    let folder = Folder::new(name);
    for (path, content) in files {
        folder.file(&path.display().to_string(), &content);
    }
    Some(folder)
}
