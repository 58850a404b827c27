//! Processes: the node under load, and what it spends.

use crate::connection::LoadError;
use std::{fs, path::Path, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

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
    /// Starts `program arguments` and waits until it says where it listens: the first `http://` address that it prints.
    pub async fn start(program: &Path, arguments: &[&str]) -> Result<Self, LoadError> {
        let mut process = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()?;
        let output = process.stdout.take().ok_or_else(|| eyre::eyre!("no standard output"))?;
        let mut lines = BufReader::new(output).lines();
        let found = async {
            while let Some(line) = lines.next_line().await? {
                if let Some(at) = line.find("http://") {
                    let url: String = line[at..].chars().take_while(|c| !c.is_whitespace()).collect();
                    return Ok(url);
                }
            }
            Err(eyre::eyre!("{} ended before it said where it listens", program.display()))
        };
        let url = tokio::time::timeout(Duration::from_secs(30), found).await??;
        // It may write more, and must not wait for somebody to read it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { process, url })
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
