//! A supervisor and its nodes, which are shell scripts here: what it does does not depend on what they do.

use mundi_network::{
    Layout, NodeState, OrphanEnd, Shown, Snapshot, Supervisor, SupervisorConfig, SupervisorError,
    control::{Answer, LinkChange, Order, ask},
    faults::Gate,
};
use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::PathBuf,
    time::Duration,
};

/// Longer than anything takes: a test that hangs should end.
const PATIENCE: Duration = Duration::from_secs(120);

/// Says that it is up, ends in good order when asked to, and otherwise does nothing.
const GOOD: &str =
    "trap 'echo bye; exit 0' TERM; echo 'up in' $(basename \"$PWD\"); while :; do sleep 0.05; done";

/// Says that it is up, and is one process from then on: nobody else holds its lock at the moment of its end.
const BARE: &str = "echo \"up in ${PWD##*/}\"; exec sleep 600";

struct Network {
    folder: tempfile::TempDir,
    config: SupervisorConfig,
}

/// A network of nodes that run a script. The program is the shell, whose first argument is `node`: so the script is called in the
/// folder of each. A program that was just written could not always be run: other tests that start processes share the open file.
fn network(nodes: usize, script: &str) -> Network {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("net");
    let mut validators = Vec::new();
    for node in 0..nodes {
        fs::create_dir_all(dir.join(format!("node{node}"))).unwrap();
        let settings = "[http]\nenabled = false\n[consensus]\nlisten = \"127.0.0.1:1\"\n";
        fs::write(dir.join(format!("node{node}/mundi.toml")), settings).unwrap();
        fs::write(dir.join(format!("node{node}/node")), format!("{script}\n")).unwrap();
        // Any free port.
        let entry = format!(r#"{{"name":"n{node}","publicKey":"{node:064x}","address":"127.0.0.1:0"}}"#);
        validators.push(entry);
    }
    let network = format!(r#"{{"validators":[{}]}}"#, validators.join(","));
    fs::write(dir.join("network.json"), network).unwrap();
    let config = SupervisorConfig::new(Layout::open(&dir).unwrap(), "/bin/sh".into());
    Network { folder, config }
}

/// Starts it, and waits until each node has said something.
async fn start(network: &Network) -> (Supervisor, Shown) {
    let (supervisor, mut shown) = Supervisor::start(network.config.clone()).await.unwrap();
    let mut silent: Vec<_> = (0..network.config.layout.nodes.len()).collect();
    while !silent.is_empty() {
        let line = tokio::time::timeout(PATIENCE, shown.recv()).await.unwrap().unwrap();
        silent.retain(|node| Some(*node) != line.node);
    }
    (supervisor, shown)
}

async fn wait_for(shown: &mut Shown, text: &str) {
    loop {
        let line = tokio::time::timeout(PATIENCE, shown.recv()).await.expect(text).expect(text);
        if line.text.contains(text) {
            return;
        }
    }
}

async fn status(supervisor: &Supervisor) -> Snapshot {
    match supervisor.order(Order::Status).await {
        Answer::Status(snapshot) => *snapshot,
        other => panic!("{other:?}"),
    }
}

fn done(answer: Answer) -> String {
    match answer {
        Answer::Done(text) => text,
        other => panic!("{other:?}"),
    }
}

fn failed(answer: Answer) -> String {
    match answer {
        Answer::Failed(text) => text,
        other => panic!("{other:?}"),
    }
}

fn refused(answer: Answer) -> String {
    match answer {
        Answer::Refused(text) => text,
        other => panic!("{other:?}"),
    }
}

fn node(name: &str) -> String {
    name.to_owned()
}

#[tokio::test]
async fn nodes_are_started_and_ended_in_good_order() {
    let network = network(3, GOOD);
    let (mut supervisor, mut shown) = start(&network).await;
    let states: Vec<_> = status(&supervisor).await.nodes.iter().map(|node| node.state).collect();
    assert_eq!(states, [NodeState::Starting; 3]);
    let last = supervisor.down().await;
    assert!(last.nodes.iter().all(|node| node.state == NodeState::Stopped), "{last:?}");
    assert_eq!(last.nodes[0].ended.as_deref(), Some("exit status 0"));
    wait_for(&mut shown, "3 nodes ended").await;
    assert_eq!(shown.recv().await, None, "this is the last line");
    let run = network.config.layout.run();
    assert_eq!(fs::read_to_string(run.join("node1.log")).unwrap(), "up in node1\nbye\n");
    let all = fs::read_to_string(run.join("net.log")).unwrap();
    assert!(!network.config.layout.socket().exists());
    assert!(all.contains("n2  │ up in node2\n") && all.contains("net │ "), "{all}");
    // And once more, in the same folder.
    let (mut supervisor, _shown) = start(&network).await;
    supervisor.down().await;
}

#[tokio::test]
async fn a_node_that_ends_by_itself_has_failed_and_stays_down_until_it_is_restarted() {
    let script = format!(
        "if [ -e ../calm ]; then {GOOD}; fi; case $PWD in *node1) echo boom >&2; exit 3;; esac; {GOOD}"
    );
    let network = network(2, &script);
    let (mut supervisor, mut shown) = Supervisor::start(network.config.clone()).await.unwrap();
    wait_for(&mut shown, "n1 ended by itself: exit status 3").await;
    let snapshot = status(&supervisor).await;
    assert_eq!(snapshot.nodes[1].state, NodeState::Failed);
    assert_eq!(snapshot.nodes[1].last_lines, ["boom"]);
    assert_eq!(snapshot.nodes[1].starts, 1);
    assert_eq!(snapshot.nodes[0].state, NodeState::Starting);
    fs::write(network.config.layout.dir.join("calm"), "").unwrap();
    assert_eq!(done(supervisor.order(Order::Restart { node: node("1") }).await), "n1 is starting");
    let snapshot = status(&supervisor).await;
    assert_eq!((snapshot.nodes[1].state, snapshot.nodes[1].starts), (NodeState::Starting, 2));
    wait_for(&mut shown, "up in node1").await;
    assert!(supervisor.down().await.nodes.iter().all(|node| node.state == NodeState::Stopped));
}

#[tokio::test]
async fn when_nothing_ever_came_up_it_is_over() {
    let network = network(2, "echo 'no such setting' >&2; exit 2");
    let (mut supervisor, _shown) = Supervisor::start(network.config.clone()).await.unwrap();
    let last = tokio::time::timeout(PATIENCE, supervisor.ended()).await.unwrap();
    assert!(last.nodes.iter().all(|node| node.state == NodeState::Failed));
    assert_eq!(last.nodes[1].last_lines, ["no such setting"]);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_a_failure_with_its_reason() {
    let mut network = network(1, GOOD);
    network.config.program = PathBuf::from("/nowhere/mundi");
    let (mut supervisor, _shown) = Supervisor::start(network.config.clone()).await.unwrap();
    let last = tokio::time::timeout(PATIENCE, supervisor.ended()).await.unwrap();
    assert!(last.nodes[0].ended.as_ref().unwrap().starts_with("cannot be started: "), "{last:?}");
}

#[tokio::test]
async fn nodes_are_killed_restarted_stopped_paused_and_resumed() {
    let network = network(2, BARE);
    let (mut supervisor, _shown) = start(&network).await;
    assert_eq!(done(supervisor.order(Order::Kill { node: node("n0") }).await), "n0 is killed");
    let snapshot = status(&supervisor).await;
    assert_eq!(snapshot.nodes[0].state, NodeState::Killed);
    assert_eq!((snapshot.nodes[0].pid, snapshot.nodes[0].ended.as_deref()), (None, Some("signal 9")));
    let again = refused(supervisor.order(Order::Kill { node: node("0") }).await);
    assert_eq!(again, "n0 does not run: it is killed");
    done(supervisor.order(Order::Restart { node: node("0") }).await);
    let before = status(&supervisor).await.nodes[1].pid;
    assert_eq!(done(supervisor.order(Order::Restart { node: node("1") }).await), "n1 is starting");
    assert_ne!(status(&supervisor).await.nodes[1].pid, before);
    done(supervisor.order(Order::Pause { node: node("1") }).await);
    assert_eq!(status(&supervisor).await.nodes[1].state, NodeState::Paused);
    assert!(refused(supervisor.order(Order::Pause { node: node("1") }).await).contains("is paused"));
    done(supervisor.order(Order::Resume { node: node("1") }).await);
    assert!(
        refused(supervisor.order(Order::Resume { node: node("1") }).await)
            .contains("only one that is paused")
    );
    // One that sleeps is ended all the same.
    done(supervisor.order(Order::Pause { node: node("1") }).await);
    assert_eq!(done(supervisor.order(Order::Stop { node: node("1") }).await), "n1 is stopped");
    assert_eq!(status(&supervisor).await.nodes[1].state, NodeState::Stopped);
    let unknown = refused(supervisor.order(Order::Stop { node: node("7") }).await);
    assert_eq!(unknown, "there is no node '7': expected a number from 0 to 1, or a name such as n0");
    supervisor.down().await;
}

#[tokio::test]
async fn a_node_that_does_not_end_is_killed() {
    let mut network = network(1, "trap '' TERM; echo up; while :; do sleep 0.05; done");
    network.config.patience = Duration::ZERO;
    let (mut supervisor, mut shown) = start(&network).await;
    let answer = supervisor.order(Order::Down).await;
    assert_eq!(failed(answer), "1 node ended; failed: n0 (signal 9, after it took too long to end)");
    assert_eq!(supervisor.ended().await.nodes[0].state, NodeState::Failed);
    wait_for(&mut shown, "did not end within 0 s: killed").await;
}

#[tokio::test]
async fn orders_tell_how_a_node_ended() {
    let network = network(2, "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done");
    let (mut supervisor, _shown) = start(&network).await;
    let answer = supervisor.order(Order::Stop { node: node("0") }).await;
    assert_eq!(failed(answer), "n0 did not end in good order: exit status 7");
    let answer = supervisor.order(Order::Restart { node: node("1") }).await;
    assert_eq!(failed(answer), "n1 did not end in good order: exit status 7; it is started again");
    done(supervisor.order(Order::Kill { node: node("1") }).await);
    let answer = supervisor.order(Order::Down).await;
    assert_eq!(failed(answer), "2 nodes ended; failed: n0 (exit status 7)");
    supervisor.ended().await;
}

#[tokio::test]
async fn links_are_changed_by_order() {
    let network = network(4, GOOD);
    let (mut supervisor, _shown) = start(&network).await;
    let groups = |groups: &[&[&str]]| {
        groups.iter().map(|group| group.iter().map(|name| node(name)).collect()).collect()
    };
    let order = Order::Partition { groups: groups(&[&["0", "n1"]]), silent: false };
    assert_eq!(done(supervisor.order(order).await), "separated: n0,n1 | n2,n3");
    assert_eq!(supervisor.links().unwrap().link(0, 3).gate, Gate::Cut);
    let snapshot = status(&supervisor).await;
    assert!(snapshot.nodes[2].apart && snapshot.closed_links == 8);
    for (wrong, reason) in [
        (groups(&[&["0", "1"], &["1", "2"]]), "n1 is named twice"),
        (groups(&[&["0", "1", "2", "3"]]), "this is one group"),
        (groups(&[&["9"]]), "there is no node '9'"),
    ] {
        let answer = refused(supervisor.order(Order::Partition { groups: wrong, silent: true }).await);
        assert!(answer.starts_with(reason), "{answer}");
    }
    assert_eq!(done(supervisor.order(Order::Heal { links: false }).await), "all links are open");
    let change =
        LinkChange { delay: Some(Duration::from_millis(50)), loss: Some(0.01), ..LinkChange::default() };
    let link = |from, to, one_way, change| Order::Link { from: node(from), to: node(to), one_way, change };
    let text = done(supervisor.order(link("0", "1", false, change)).await);
    assert_eq!(text, "n0 → n1 and 1 more: delay 50 ms, loss 1 %");
    let text = done(supervisor.order(link("all", "2", true, change)).await);
    assert_eq!(text, "n0 → n2 and 2 more: delay 50 ms, loss 1 %");
    assert_eq!(status(&supervisor).await.bad_links, 5);
    let lossy = LinkChange { loss: Some(1.0), ..LinkChange::default() };
    assert!(refused(supervisor.order(link("0", "1", false, lossy)).await).starts_with("a loss of 1"));
    let nothing = refused(supervisor.order(link("0", "1", false, LinkChange::default())).await);
    assert!(nothing.starts_with("nothing is said"), "{nothing}");
    assert_eq!(
        refused(supervisor.order(link("1", "1", false, change)).await),
        "a node has no link to itself"
    );
    done(supervisor.order(Order::Heal { links: true }).await);
    assert_eq!(status(&supervisor).await.bad_links, 0);
    supervisor.down().await;
}

#[tokio::test]
async fn without_a_proxy_there_are_no_links_to_change() {
    let mut network = network(2, "echo $3 $4; trap 'exit 0' TERM; while :; do sleep 0.05; done");
    network.config.direct = true;
    let (mut supervisor, mut shown) = Supervisor::start(network.config.clone()).await.unwrap();
    wait_for(&mut shown, "--consensus.listen 127.0.0.1:0").await;
    assert!(refused(supervisor.order(Order::Heal { links: false }).await).contains("--direct"));
    supervisor.down().await;
}

#[tokio::test]
async fn orders_come_over_the_socket_of_the_folder() {
    let network = network(1, GOOD);
    let layout = network.config.layout.clone();
    let not_running = ask(&layout, &Order::Status, PATIENCE).unwrap_err().to_string();
    assert!(not_running.contains("does not run: start it with `mundi net up"), "{not_running}");
    let (mut supervisor, _shown) = start(&network).await;
    let mode = fs::metadata(layout.run()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let client = tokio::task::spawn_blocking(move || {
        let answer = ask(&layout, &Order::Status, PATIENCE).unwrap();
        assert!(matches!(answer, Answer::Status(snapshot) if snapshot.nodes.len() == 1));
        for (wrong, reason) in [
            (b"\n".to_vec(), "this is no order"),
            (br#"{"order":"explode"}"#.to_vec(), "this is no order: unknown variant"),
            (vec![b'x'; 100_000], "an order has at most 65536 bytes"),
        ] {
            let mut stream = UnixStream::connect(layout.socket()).unwrap();
            // It may be cut off while it still writes.
            let _ = stream.write_all(&wrong).and_then(|()| stream.shutdown(std::net::Shutdown::Write));
            let mut answer = String::new();
            BufReader::new(stream).read_line(&mut answer).unwrap();
            assert!(answer.contains(reason), "{answer}");
        }
        done(ask(&layout, &Order::Down, PATIENCE).unwrap())
    });
    let last = supervisor.ended().await;
    assert_eq!(client.await.unwrap(), "1 node ended");
    assert_eq!(last.nodes[0].state, NodeState::Stopped);
}

#[tokio::test]
async fn a_folder_has_one_supervisor() {
    let network = network(1, GOOD);
    let (mut supervisor, _shown) = start(&network).await;
    let second = Supervisor::start(network.config.clone()).await.unwrap_err();
    assert!(matches!(second, SupervisorError::Running { holder: Some(_), .. }), "{second}");
    supervisor.down().await;
}

#[tokio::test]
async fn what_a_dead_supervisor_leaves_is_recognised() {
    let network = network(2, GOOD);
    let layout = network.config.layout.clone();
    // As after a power failure: a socket without a listener, locks without holders.
    fs::create_dir_all(layout.run()).unwrap();
    drop(std::os::unix::net::UnixListener::bind(layout.socket()).unwrap());
    fs::write(layout.run().join("supervisor.lock"), "1\n").unwrap();
    fs::write(layout.run().join("node0.lock"), "1\n").unwrap();
    assert!(ask(&layout, &Order::Status, PATIENCE).unwrap_err().to_string().contains("does not run"));
    let (mut supervisor, _shown) = start(&network).await;
    supervisor.down().await;

    // As after SIGKILL of the supervisor alone: a node still runs.
    let lock = fs::File::options().write(true).open(layout.run().join("node1.lock")).unwrap();
    lock.lock().unwrap();
    let mut left = std::process::Command::new("sleep").arg("600").stdin(lock).spawn().unwrap();
    fs::write(layout.run().join("node1.lock"), format!("{}\n", left.id())).unwrap();
    let refused = Supervisor::start(network.config.clone()).await.unwrap_err();
    let text = refused.to_string();
    assert!(
        text.contains(&format!("n1 (process {})", left.id())) && text.contains("mundi net down"),
        "{text}"
    );
    let orphans = layout.orphans();
    assert_eq!(orphans.len(), 1);
    assert_eq!(orphans[0].end(PATIENCE), OrphanEnd::InOrder);
    left.wait().unwrap();
    assert_eq!(layout.orphans(), []);
    let (mut supervisor, _shown) = start(&network).await;
    supervisor.down().await;
    drop(network.folder);
}

#[tokio::test]
async fn networks_that_are_not_here_and_paths_that_are_too_long_are_refused() {
    let mut network = network(1, GOOD);
    network.config.layout.nodes[0].public = "node-a.example.org:30400".into();
    let error = Supervisor::start(network.config.clone()).await.unwrap_err().to_string();
    assert!(error.contains("several hosts"), "{error}");
    network.config.layout.nodes[0].public = "127.0.0.1:0".into();
    network.config.layout.dir = network.folder.path().join("x".repeat(120));
    let error = Supervisor::start(network.config.clone()).await.unwrap_err().to_string();
    assert!(error.contains("is too long for a socket"), "{error}");
}
