//! What is drawn.

use super::{
    screen::Size,
    text::{Paint, fit, grouped, long_span, memory, rate, span},
};
use crate::{
    journal::ShownLine,
    snapshot::{NodeState, NodeView, Snapshot},
};
use std::collections::VecDeque;

/// Columns of the table: what they are called, and whether their text begins at the left.
const COLUMNS: [(&str, bool); 9] = [
    ("NODE", true),
    ("STATE", true),
    ("HEIGHT", false),
    ("LAG", false),
    ("FINALITY", false),
    ("TX/S", false),
    ("PEERS", false),
    ("MEMORY", false),
    ("JSON-RPC", true),
];
/// Last lines that are shown of a node that failed.
const LAST_LINES: usize = 4;
/// Nodes that failed of which lines are shown.
const FAILED: usize = 2;
/// Least lines for the log.
const LOG_LINES: usize = 6;

/// How it is, in one line.
pub fn summary(snapshot: &Snapshot) -> String {
    let chain = &snapshot.chain;
    let mut parts = Vec::new();
    parts.extend(chain.height.map(|height| format!("height {}", grouped(height))));
    parts.extend(chain.finality.map(|seconds| format!("finality {}", span(seconds))));
    parts.extend(chain.rate.map(|per_second| format!("{} tx/s", rate(per_second))));
    let up = snapshot.nodes.iter().filter(|node| node.state == NodeState::Up).count();
    parts.push(format!("{up} of {} up", snapshot.nodes.len()));
    parts.extend(links(snapshot));
    parts.join("   ")
}

/// What is wrong with the links.
fn links(snapshot: &Snapshot) -> Option<String> {
    match (snapshot.closed_links, snapshot.bad_links) {
        (0, 0) => None,
        (closed, 0) => Some(format!("{closed} links closed")),
        (0, bad) => Some(format!("{bad} links worse")),
        (closed, bad) => Some(format!("{closed} links closed, {bad} worse")),
    }
}

/// A line for each node, below a line of titles.
pub fn table(snapshot: &Snapshot, paint: Paint) -> Vec<String> {
    rows(&snapshot.nodes.iter().enumerate().collect::<Vec<_>>(), paint)
}

fn rows(nodes: &[(usize, &NodeView)], paint: Paint) -> Vec<String> {
    let texts: Vec<[String; 9]> = nodes.iter().map(|(_, node)| cells(node)).collect();
    let width = |column: usize| {
        let widest = texts.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        widest.max(COLUMNS[column].0.len())
    };
    let widths: [usize; 9] = std::array::from_fn(width);
    let pad = |column: usize, text: &str| {
        let width = widths[column];
        if COLUMNS[column].1 { format!("{text:width$}") } else { format!("{text:>width$}") }
    };
    let titles: Vec<String> = (0..9).map(|column| pad(column, COLUMNS[column].0)).collect();
    let mut lines = vec![paint.dim(titles.join("  ").trim_end())];
    for ((number, node), texts) in nodes.iter().zip(&texts) {
        let mut cells: Vec<String> = (0..9).map(|column| pad(column, &texts[column])).collect();
        cells[0] = paint.node(Some(*number), &cells[0]);
        cells[1] = state_color(node, paint)(&cells[1]);
        cells[8] = paint.dim(cells[8].trim_end());
        lines.push(cells.join("  "));
    }
    lines
}

fn state_color(node: &NodeView, paint: Paint) -> impl Fn(&str) -> String {
    move |text| match node.state {
        NodeState::Up if !node.apart => paint.green(text),
        NodeState::Up | NodeState::Silent | NodeState::Paused | NodeState::Stopping => paint.yellow(text),
        NodeState::Failed => paint.red(&paint.bold(text)),
        NodeState::Killed => paint.red(text),
        NodeState::Starting | NodeState::Stopped => paint.dim(text),
    }
}

fn cells(node: &NodeView) -> [String; 9] {
    let reading = &node.reading;
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".into());
    // What one that does not run said last is of the past.
    let now = |text: Option<String>| or_dash(text.filter(|_| node.state.runs()));
    [
        node.name.clone(),
        node.state_word(),
        or_dash(reading.height.map(grouped)),
        now(reading.lag().map(grouped)),
        now(reading.finality.map(span)),
        now(reading.rate.map(rate)),
        now(reading.peers.map(|peers| peers.to_string())),
        now(reading.memory.map(memory)),
        now(node.rpc.map(|address| format!("http://{address}"))),
    ]
}

/// A whole screen: as many lines as it has, none longer.
pub fn frame(snapshot: &Snapshot, log: &VecDeque<ShownLine>, size: Size, paint: Paint) -> Vec<String> {
    let columns = usize::from(size.columns);
    let rows_there = usize::from(size.rows);
    let nodes = snapshot.nodes.len();
    let title = format!(
        "{}   {nodes} node{}   {}",
        snapshot.dir.display(),
        if nodes == 1 { "" } else { "s" },
        long_span(snapshot.seconds as u64)
    );
    let mut lines = vec![
        format!("{}  {}", paint.bold("mundi net"), paint.dim(&fit(&title, columns.saturating_sub(11)))),
        fit(&summary(snapshot), columns),
        String::new(),
    ];
    lines.extend(some_rows(snapshot, rows_there.saturating_sub(lines.len() + LOG_LINES), columns, paint));
    for (_, node) in failed(snapshot) {
        let how = format!("{} failed: {}", node.name, node.ended.as_deref().unwrap_or("?"));
        lines.push(paint.red(&fit(&how, columns)));
        let last = node.last_lines.len().saturating_sub(LAST_LINES);
        lines.extend(
            node.last_lines[last..].iter().map(|line| paint.dim(&fit(&format!("  {line}"), columns))),
        );
    }
    let rule = format!("── {} ", snapshot.dir.join("run/net.log").display());
    let keys = " Ctrl-C ends all nodes ──";
    let dashes = columns.saturating_sub(rule.chars().count() + keys.chars().count());
    lines.push(paint.dim(&fit(&format!("{rule}{}{keys}", "─".repeat(dashes)), columns)));
    let width = snapshot.nodes.iter().map(|node| node.name.len()).max().unwrap_or_default().max(3);
    let room = rows_there.saturating_sub(lines.len());
    for line in log.iter().skip(log.len().saturating_sub(room)) {
        let name = line.node.map_or("net", |node| snapshot.nodes.get(node).map_or("?", |node| &node.name));
        lines.push(log_line(line, name, width, columns, paint));
    }
    lines.truncate(rows_there);
    lines.resize(rows_there, String::new());
    lines
}

/// A line of the log, with whose it is, in as many columns as there are; `width` of them are for the name.
pub fn log_line(line: &ShownLine, name: &str, width: usize, columns: usize, paint: Paint) -> String {
    let text = fit(&line.text, columns.saturating_sub(width + 3));
    let text = match line.severity() {
        Some(word) if word.starts_with("error") => text.replacen(word, &paint.red(word), 1),
        Some(word) => text.replacen(word, &paint.yellow(word), 1),
        None => text,
    };
    format!("{} {} {text}", paint.node(line.node, &format!("{name:width$}")), paint.dim("│"))
}

fn failed(snapshot: &Snapshot) -> impl Iterator<Item = (usize, &NodeView)> {
    let nodes = snapshot.nodes.iter().enumerate();
    nodes.filter(|(_, node)| node.state == NodeState::Failed).take(FAILED)
}

/// The table, if all of it fits, or else those first that are not up.
fn some_rows(snapshot: &Snapshot, room: usize, columns: usize, paint: Paint) -> Vec<String> {
    let mut nodes: Vec<(usize, &NodeView)> = snapshot.nodes.iter().enumerate().collect();
    let failed: usize = failed(snapshot).map(|(_, node)| 1 + node.last_lines.len().min(LAST_LINES)).sum();
    let room = room.saturating_sub(1 + failed).max(1);
    let mut rest = None;
    if nodes.len() > room {
        nodes.sort_by_key(|(number, node)| (node.state_word() == "up", *number));
        let hidden = nodes.split_off(room.saturating_sub(1));
        let up = hidden.iter().filter(|(_, node)| node.state_word() == "up").count();
        rest = Some(format!("… and {} more, {up} of them up", hidden.len()));
    }
    // Colours have no width: what does not fit is left out column by column, from the right.
    let plain = rows(&nodes, Paint { color: false });
    let fits = plain.iter().all(|line| line.chars().count() <= columns);
    let mut lines =
        if fits { rows(&nodes, paint) } else { plain.iter().map(|line| fit(line, columns)).collect() };
    lines.extend(rest.map(|rest| paint.dim(&fit(&rest, columns))));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        faults::Counts,
        snapshot::{ChainView, Reading},
    };

    fn node(number: usize, state: NodeState) -> NodeView {
        NodeView {
            name: format!("node{number}"),
            state,
            apart: number == 1,
            pid: Some(7),
            starts: 1,
            ended: (state == NodeState::Failed).then(|| "exit status 2".into()),
            last_lines: vec!["error: no genesis".into()],
            rpc: Some(([127, 0, 0, 1], 8545).into()),
            reading: Reading {
                height: Some(1207),
                ordered: Some(1209),
                rate: Some(8412.0),
                finality: Some(0.143),
                peers: Some(3),
                memory: Some(214_000_000),
            },
        }
    }

    fn snapshot(nodes: Vec<NodeView>) -> Snapshot {
        let chain = ChainView::of(&nodes);
        Snapshot {
            dir: "net".into(),
            seconds: 72.0,
            chain,
            nodes,
            closed_links: 6,
            bad_links: 0,
            traffic: Counts::default(),
            direct: false,
        }
    }

    const PLAIN: Paint = Paint { color: false };

    #[test]
    fn a_table_says_how_each_node_is() {
        let nodes = vec![node(0, NodeState::Up), node(1, NodeState::Up), node(2, NodeState::Killed)];
        let snapshot = snapshot(nodes);
        assert_eq!(
            table(&snapshot, PLAIN),
            [
                "NODE   STATE        HEIGHT  LAG  FINALITY   TX/S  PEERS  MEMORY  JSON-RPC",
                "node0  up            1,207    2    143 ms  8,412      3  214 MB  http://127.0.0.1:8545",
                "node1  partitioned   1,207    2    143 ms  8,412      3  214 MB  http://127.0.0.1:8545",
                "node2  killed        1,207    –         –      –      –       –  –",
            ]
        );
        assert_eq!(
            summary(&snapshot),
            "height 1,207   finality 143 ms   8,412 tx/s   2 of 3 up   6 links closed"
        );
    }

    #[test]
    fn a_frame_fits_its_screen_whatever_there_is_to_say() {
        let log: VecDeque<_> = (0..500)
            .map(|line| ShownLine {
                node: Some(line % 7),
                text: format!("12:00:00 warning {}", "x".repeat(line)),
            })
            .collect();
        for many in [1, 4, 100] {
            let nodes = (0..many)
                .map(|number| node(number, if number % 5 == 4 { NodeState::Failed } else { NodeState::Up }));
            let snapshot = snapshot(nodes.collect());
            for (columns, rows) in [(0, 0), (1, 1), (20, 10), (80, 24), (200, 60)] {
                let lines = frame(&snapshot, &log, Size { columns, rows }, PLAIN);
                assert_eq!(lines.len(), usize::from(rows), "{many} {columns}x{rows}");
                let widest = lines.iter().skip(1).map(|line| line.chars().count()).max().unwrap_or_default();
                assert!(widest <= usize::from(columns).max(8), "{many} {columns}x{rows}: {lines:#?}");
            }
        }
    }

    #[test]
    fn those_that_are_not_up_are_shown_first_when_there_is_no_room_for_all() {
        let mut nodes: Vec<_> = (0..40).map(|number| node(number, NodeState::Up)).collect();
        nodes[1].apart = false;
        nodes[33].state = NodeState::Killed;
        let lines = frame(&snapshot(nodes), &VecDeque::new(), Size { columns: 100, rows: 24 }, PLAIN);
        assert!(lines[4].starts_with("node33  killed"), "{lines:#?}");
        assert!(
            lines.iter().any(|line| line.starts_with("… and ") && line.ends_with(" of them up")),
            "{lines:#?}"
        );
    }
}
