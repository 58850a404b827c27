//! Nodes that run while a test asks them.

use crate::command::command;
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::{Child, ChildStderr, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

/// Longer than any start or answer takes: a test that hangs should end.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running `mundi dev` or `mundi node`.
pub(crate) struct Running {
    child: Child,
    pub(crate) http: SocketAddr,
    log: Arc<Mutex<String>>,
    ids: AtomicU64,
}

impl Running {
    /// Starts it on a free port and waits until it answers. Its log lines are JSON.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::launch(arguments, true)
    }

    /// The same, and when it answers its standard error is closed.
    pub(crate) fn start_unheard(arguments: &[&str]) -> Self {
        Self::launch(arguments, false)
    }

    fn launch(arguments: &[&str], heard: bool) -> Self {
        let port = if arguments[0] == "dev" { "--port" } else { "--http.port" };
        let json: &[&str] = if arguments[0] == "dev" { &["--json"] } else { &["--log.format", "json"] };
        let mut child = command(&[arguments, &[port, "0"], json].concat())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (found, address) = mpsc::channel();
        if arguments[0] == "dev" {
            let stdout = child.stdout.take().unwrap();
            let found = found.clone();
            thread::spawn(move || {
                let mut line = String::new();
                let _ = BufReader::new(stdout).read_line(&mut line);
                let config: Value = serde_json::from_str(&line).unwrap_or_default();
                let _ = config["endpoints"]["http"].as_str().map(|url| found.send(url.to_owned()));
            });
        }
        follow(child.stderr.take().unwrap(), &log, found, heard);
        let Ok(url) = address.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            panic!("it does not answer: {}", log.lock().unwrap());
        };
        let http = url.strip_prefix("http://").unwrap().parse().unwrap();
        Self { child, http, log, ids: AtomicU64::new(0) }
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Puts a question; the whole response. `None` if the node is gone.
    pub(crate) fn try_call(&self, method: &str, params: &Value) -> Option<Value> {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        post(self.http, &request.to_string())
    }

    /// Puts a question; its result.
    #[track_caller]
    pub(crate) fn call(&self, method: &str, params: &Value) -> Value {
        let mut response = self.try_call(method, params).expect("the node answers");
        assert!(response.get("error").is_none(), "{method} {params}: {response}");
        response["result"].take()
    }

    /// Ends it as Ctrl-C does, and gives its status.
    pub(crate) fn interrupt(&mut self) -> ExitStatus {
        self.signal("-INT");
        self.child.wait().unwrap()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent = std::process::Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Ends it as a power failure does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Keeps log lines, and finds the address in them. If they are not to be heard, reading ends with the address.
fn follow(stderr: ChildStderr, log: &Arc<Mutex<String>>, found: mpsc::Sender<String>, heard: bool) {
    let log = Arc::clone(log);
    thread::spawn(move || {
        let mut stderr = Some(BufReader::new(stderr));
        while let Some(reader) = &mut stderr {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or_default() == 0 {
                return;
            }
            log.lock().unwrap().push_str(&line);
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            if let Some(url) = event["message"].as_str().and_then(|text| text.strip_prefix("HTTP at ")) {
                stderr = stderr.filter(|_| heard);
                let _ = found.send(url.to_owned());
            }
        }
    });
}

/// Posts JSON; `None` if nobody answers.
pub(crate) fn post(address: SocketAddr, body: &str) -> Option<Value> {
    let answer = http(
        address,
        &format!(
            "POST / HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        ),
    )?;
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}

/// Gets a page, with its status line.
pub(crate) fn get(address: SocketAddr, path: &str) -> Option<String> {
    http(address, &format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"))
}

fn http(address: SocketAddr, request: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    String::from_utf8(answer).ok()
}
