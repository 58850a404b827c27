//! Processes: the node under load, and what it spends.

use crate::connection::{Connection, LoadError, Transport};
use std::{
    fs,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{net::TcpListener, process::Command};

/// How long a node may take until it answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a process has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Usage {
    /// Processor time, in seconds.
    pub cpu: f64,
    /// Most memory it ever had, in bytes.
    pub memory: u64,
}

impl Usage {
    /// Of a process, if it can be read.
    pub fn of(pid: u32) -> Option<Self> {
        const TICKS_PER_SECOND: f64 = 100.0;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in parentheses, may contain anything.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = peak.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        Some(Self { cpu: ticks / TICKS_PER_SECOND, memory: kilobytes.unwrap_or_default() * 1024 })
    }
}

/// A node that was started for the measurement.
#[derive(Debug)]
pub struct Child {
    process: tokio::process::Child,
    /// Where it listens.
    pub url: String,
}

impl Child {
    /// Starts `program arguments --port PORT` on a port that is free, and waits until it answers.
    pub async fn start(program: &Path, arguments: &[&str]) -> Result<Self, LoadError> {
        let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
        let mut process = Command::new(program)
            .args(arguments)
            .args(["--port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()?;
        let url = format!("http://127.0.0.1:{port}");
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = process.try_wait()? {
                eyre::bail!("{} ended with {status} before it answered", program.display());
            }
            if Connection::open(&url, Transport::Http).await.is_ok() {
                return Ok(Self { process, url });
            }
            if Instant::now() > deadline {
                eyre::bail!("{} does not answer at {url}", program.display());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Its number.
    pub fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// Ends it.
    pub async fn stop(mut self) -> Result<(), LoadError> {
        self.process.kill().await?;
        Ok(())
    }
}
