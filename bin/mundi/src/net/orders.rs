//! Orders to a network that runs.

use crate::{Verdict, console};
use mundi_network::{
    Layout, NodeState, OrphanEnd, Snapshot,
    control::{Answer, Order, ask},
    dashboard::{Paint, summary, table},
};
use std::time::Duration;

/// How long an order may take: longer than a node may take to end.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long a node without a supervisor may take to end.
const ORPHANS: Duration = Duration::from_secs(30);

/// Gives an order and says what came of it.
pub(super) fn give(layout: &Layout, order: &Order) -> eyre::Result<Verdict> {
    match ask(layout, order, PATIENCE)? {
        Answer::Done(text) => console::print(format!("{text}\n").as_bytes())?,
        Answer::Failed(text) => {
            console::print(format!("{text}\n").as_bytes())?;
            return Ok(Verdict::Wrong);
        }
        Answer::Refused(reason) => eyre::bail!(reason),
        Answer::Status(snapshot) => show(&snapshot)?,
    }
    Ok(Verdict::Right)
}

/// Ends a network, also one whose supervisor has died.
pub(super) fn down(layout: &Layout) -> eyre::Result<Verdict> {
    if layout.supervisor().is_some() {
        return give(layout, &Order::Down);
    }
    let orphans = layout.orphans();
    if orphans.is_empty() {
        console::print(format!("the network in {} does not run\n", layout.dir.display()).as_bytes())?;
        return Ok(Verdict::Right);
    }
    let mut verdict = Verdict::Right;
    for orphan in &orphans {
        let how = match orphan.end(ORPHANS) {
            OrphanEnd::InOrder => "is ended",
            OrphanEnd::Killed => {
                verdict = Verdict::Wrong;
                "took too long to end and is killed"
            }
            OrphanEnd::Alive => {
                let pid = orphan.pid.map_or("?".into(), |pid| pid.to_string());
                eyre::bail!("{} (process {pid}) does not end, whatever it is told", orphan.name);
            }
        };
        let text = format!("{}, left over from a supervisor that died, {how}\n", orphan.name);
        console::print(text.as_bytes())?;
    }
    Ok(verdict)
}

pub(super) fn status(layout: &Layout, json: bool) -> eyre::Result<Verdict> {
    match (ask(layout, &Order::Status, PATIENCE)?, json) {
        (Answer::Status(snapshot), true) => {
            let mut json = serde_json::to_vec_pretty(&snapshot)?;
            json.push(b'\n');
            console::print(&json)?;
        }
        (Answer::Status(snapshot), false) => show(&snapshot)?,
        (Answer::Done(text) | Answer::Failed(text) | Answer::Refused(text), _) => eyre::bail!(text),
    }
    Ok(Verdict::Right)
}

/// Prints how everything is.
pub(super) fn show(snapshot: &Snapshot) -> eyre::Result<()> {
    let mut lines = table(snapshot, Paint { color: console::wants_color() });
    lines.extend(failures(snapshot));
    lines.extend([String::new(), summary(snapshot), String::new()]);
    console::print(lines.join("\n").as_bytes())
}

/// How nodes that failed ended, and what they said last.
pub(crate) fn failures(snapshot: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    for node in snapshot.nodes.iter().filter(|node| node.state == NodeState::Failed) {
        lines.push(String::new());
        lines.push(format!("{} failed: {}", node.name, node.ended.as_deref().unwrap_or("?")));
        lines.extend(node.last_lines.iter().map(|line| format!("  {line}")));
    }
    lines
}

/// Groups as they are typed: `0,1|2,3`, or one after another.
pub(super) fn groups(texts: &[String]) -> Vec<Vec<String>> {
    let nodes = |group: &str| {
        let names = group.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    texts.iter().flat_map(|text| text.split('|')).map(nodes).filter(|group| !group.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_typed_in_either_way() {
        let group = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let wanted = vec![group(&["0", "1"]), group(&["2", "node3"])];
        for typed in [&["0,1|2,node3"][..], &["0,1", "2,node3"], &["0, 1 |", "|2,node3,"]] {
            assert_eq!(groups(&group(typed)), wanted);
        }
        assert_eq!(groups(&group(&["|"])), Vec::<Vec<String>>::new());
    }
}
