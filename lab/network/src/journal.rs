//! Log lines: a file for each node, one for all, and those that somebody reads now.
//!
//! A thread of its own writes, so that a disk that hangs holds up nobody: lines that find its queue full are dropped, and how many
//! they were is said. Files have at most [`MAX_FILE`] bytes; then they become `NAME.1`, and a new one begins.

use crate::{dashboard::time_of_day, layout::Layout};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write as _},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc as std_mpsc,
    },
    thread,
    time::SystemTime,
};
use tokio::sync::mpsc;

/// Most bytes of a log file; there are at most two of each.
const MAX_FILE: u64 = 16 << 20;
/// Lines that wait to be written.
const QUEUE: usize = 8192;
/// Lines that wait to be shown.
const SHOWN: usize = 4096;

/// A line to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownLine {
    /// The node that wrote it; the supervisor has no number.
    pub node: Option<usize>,
    /// What it says, with its time.
    pub text: String,
}

/// Lines as they come, for one reader. Who does not keep up loses some, never holds anybody up.
pub type Shown = mpsc::Receiver<ShownLine>;

/// Takes lines.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    lines: std_mpsc::SyncSender<ShownLine>,
    dropped: Arc<AtomicU64>,
}

impl ShownLine {
    /// Whether it only says that there is one more block.
    pub fn is_block(&self) -> bool {
        self.text.split(' ').nth(1) == Some("block")
    }

    /// The first word of it that says how bad it is.
    pub fn severity(&self) -> Option<&str> {
        self.text.split(' ').nth(1).filter(|word| ["error", "warning"].contains(&word.trim_end_matches(':')))
    }
}

impl Journal {
    /// Opens the files and starts the thread, which ends when nobody has the journal any more.
    pub(crate) fn start(layout: &Layout) -> io::Result<(Self, Shown)> {
        let run = layout.run();
        let mut nodes = Vec::new();
        for number in 0..layout.nodes.len() {
            nodes.push(LogFile::open(run.join(format!("node{number}.log")))?);
        }
        let all = LogFile::open(layout.log())?;
        let width = layout.nodes.iter().map(|node| node.name.len()).max().unwrap_or_default().max(3);
        let names = layout.nodes.iter().map(|node| format!("{:width$}", node.name)).collect();
        let (lines, queue) = std_mpsc::sync_channel(QUEUE);
        let (show, shown) = mpsc::channel(SHOWN);
        let dropped = Arc::new(AtomicU64::new(0));
        let writer = Writer { nodes, all, names, width, show, dropped: Arc::clone(&dropped) };
        thread::Builder::new().name("journal".into()).spawn(move || writer.run(&queue))?;
        Ok((Self { lines, dropped }, shown))
    }

    /// A line of a node.
    pub(crate) fn node(&self, node: usize, text: String) {
        self.put(ShownLine { node: Some(node), text });
    }

    /// A line of the supervisor's own.
    pub(crate) fn say(&self, text: &str) {
        self.put(ShownLine { node: None, text: format!("{} {text}", time_of_day(SystemTime::now())) });
    }

    fn put(&self, line: ShownLine) {
        if self.lines.try_send(line).is_err() {
            self.dropped.fetch_add(1, Relaxed);
        }
    }
}

struct Writer {
    nodes: Vec<LogFile>,
    all: LogFile,
    names: Vec<String>,
    width: usize,
    show: mpsc::Sender<ShownLine>,
    dropped: Arc<AtomicU64>,
}

impl Writer {
    fn run(mut self, queue: &std_mpsc::Receiver<ShownLine>) {
        while let Ok(line) = queue.recv() {
            self.write(line);
            // What came meanwhile is written together.
            while let Ok(line) = queue.try_recv() {
                self.write(line);
            }
            for file in self.nodes.iter_mut().chain([&mut self.all]) {
                file.flush();
            }
        }
    }

    fn write(&mut self, line: ShownLine) {
        let dropped = self.dropped.swap(0, Relaxed);
        if dropped > 0 {
            let text =
                format!("{} {dropped} lines are lost: they came too fast", time_of_day(SystemTime::now()));
            self.write_one(ShownLine { node: None, text });
        }
        self.write_one(line);
    }

    fn write_one(&mut self, line: ShownLine) {
        let net = format!("{:width$}", "net", width = self.width);
        let name = line.node.map_or(&net, |node| &self.names[node]);
        self.all.line(&format!("{name} │ {}", line.text));
        if let Some(file) = line.node.and_then(|node| self.nodes.get_mut(node)) {
            file.line(&line.text);
        }
        // Nobody reads, or not fast enough: it is in the file.
        let _ = self.show.try_send(line);
    }
}

/// A file that begins anew when it is full. What cannot be written is lost: a log is no reason to stop.
struct LogFile {
    path: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
}

impl LogFile {
    fn open(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path, file: BufWriter::new(file), bytes })
    }

    fn line(&mut self, text: &str) {
        if self.bytes >= MAX_FILE {
            self.turn();
        }
        self.bytes += text.len() as u64 + 1;
        let _ = writeln!(self.file, "{text}");
    }

    fn flush(&mut self) {
        let _ = self.file.flush();
    }

    /// Begins anew.
    fn turn(&mut self) {
        self.flush();
        let mut old = self.path.clone().into_os_string();
        old.push(".1");
        let new = fs::rename(&self.path, old)
            .and_then(|()| OpenOptions::new().create(true).append(true).open(&self.path));
        if let Ok(file) = new {
            self.file = BufWriter::new(file);
        }
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_blocks_are_told_from_others() {
        let line = |text: &str| ShownLine { node: Some(0), text: text.into() };
        assert!(line("12:00:01 block 17  0xabc").is_block());
        assert!(!line("12:00:01 starting").is_block());
        assert_eq!(line("12:00:01 warning low on disk").severity(), Some("warning"));
        assert_eq!(line("12:00:01 all is well").severity(), None);
    }

    #[test]
    fn a_full_file_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node0.log");
        let mut file = LogFile::open(path.clone()).unwrap();
        file.line("old");
        file.bytes = MAX_FILE;
        file.line("new");
        file.flush();
        assert_eq!(fs::read(&path).unwrap(), b"new\n");
        assert_eq!(fs::read(folder.path().join("node0.log.1")).unwrap(), b"old\n");
    }
}
