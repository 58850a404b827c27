//! `mundi state stats` and `mundi state verify`.

use super::{open, share_bar, watched};
use crate::{
    Verdict,
    cli::{StatsArgs, VerifyArgs},
    console, datadir,
};
use comfy_table::{Cell, CellAlignment, Table, presets};
use eyre::WrapErr as _;
use mundi_network::dashboard::grouped;
use mundi_state::{EntryStats, Stats, Store, VerifyReport};
use serde_json::json;
use std::{fmt::Write as _, path::Path, time::Instant};

pub(crate) fn stats(args: &StatsArgs) -> eyre::Result<Verdict> {
    let pool = console::pool(console::threads(None).get())?;
    let (datadir, store) = open(&args.place, &pool)?;
    let stats = store.stats(args.count)?;
    if args.json {
        let mut json = json!(stats);
        for (name, entry) in [("accounts", &stats.accounts), ("slots", &stats.slots)] {
            json[name]["bytesPerEntry"] = json!(entry.per_entry());
            json[name]["least"] = json!(entry.minimum());
        }
        console::print(format!("{json:#}\n").as_bytes())?;
    } else {
        console::print(stats_text(&stats, datadir.path()).as_bytes())?;
    }
    Ok(Verdict::Right)
}

fn stats_text(stats: &Stats, folder: &Path) -> String {
    let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header([
        Cell::new("table"),
        right("bytes".into()),
        right("keys".into()),
        right("per key".into()),
    ]);
    let mut total = 0;
    for part in &stats.tables {
        total += part.bytes;
        let keys = format!("{}{}", if part.counted { "" } else { "≤ " }, grouped(part.keys));
        let each = match (part.bytes, part.keys) {
            (0, _) | (_, 0) => String::new(),
            (bytes, keys) => format!("{:.1}", bytes as f64 / keys as f64),
        };
        table.add_row([Cell::new(part.name), right(grouped(part.bytes)), right(keys), right(each)]);
    }
    table.add_row([Cell::new("write-ahead log"), right(grouped(stats.log_bytes))]);
    table.add_row([Cell::new("together"), right(grouped(total + stats.log_bytes))]);
    let mut text = format!(
        "{}\n\nblock on disk  {}\nin the tables  {}   {} blocks after it are in memory, {} bytes\n\
         states from    {}   proofs from {}, whole blocks from {}\n\n{table}\n\n",
        folder.display(),
        stats.persisted,
        stats.flushed,
        stats.layers,
        grouped(stats.layer_bytes),
        stats.values_from,
        stats.proofs_from,
        stats.blocks_from,
    );
    for (name, entry) in [("account", &stats.accounts), ("slot", &stats.slots)] {
        let _ = writeln!(text, "{}", each(name, entry));
    }
    let estimated = stats.tables.iter().any(|table| !table.counted);
    let files = stats.tables.iter().all(|table| table.bytes == 0);
    if estimated {
        text.push_str("≤: with versions that are not cleaned up yet; --count counts\n");
    }
    if files {
        text.push_str("All is in the write-ahead log so far: tables have files once it is full.\n");
    }
    text
}

/// What one entry takes, beside the least that it could.
fn each(name: &str, entry: &EntryStats) -> String {
    match (entry.per_entry(), entry.minimum()) {
        (Some(bytes), Some(least)) if bytes > 0.0 => format!(
            "an {name} takes {bytes:.1} bytes in its table; hash and value are {least:.1}: {:.2} times the least",
            bytes / least
        )
        .replace("an slot", "a slot"),
        (_, Some(least)) => format!("hash and value of an {name} are {least:.1} bytes").replace("an slot", "a slot"),
        _ => format!("there is no {name}"),
    }
}

pub(crate) fn verify(args: &VerifyArgs) -> eyre::Result<Verdict> {
    let pool = console::pool(console::threads(args.threads).get())?;
    let started = Instant::now();
    if !args.skip_files {
        let datadir = datadir::folder(args.place.datadir.as_deref())?;
        let bar = console::bar("files");
        let checked = Store::check_files(datadir.path(), |done, of| {
            bar.set_length(of as u64);
            bar.set_position(done as u64);
        });
        bar.finish_and_clear();
        checked.wrap_err_with(|| format!("cannot open {}", datadir.path().display()))?;
    }
    let (_, store) = open(&args.place, &pool)?;
    let bar = share_bar();
    let Some(report) = watched(&bar, |watch| store.verify(args.limit.get(), &pool, watch))? else {
        console::warn("stopped");
        return Ok(Verdict::Stopped);
    };
    let seconds = started.elapsed().as_secs_f64();
    match args.json {
        true => console::print(format!("{:#}\n", verify_json(&report, &store)).as_bytes())?,
        false => console::print(verify_text(&report, &store, seconds).as_bytes())?,
    }
    Ok(if report.inconsistencies.is_empty() { Verdict::Right } else { Verdict::Wrong })
}

fn verify_text(report: &VerifyReport, store: &Store, seconds: f64) -> String {
    let mut text = String::new();
    for inconsistency in &report.inconsistencies {
        let _ = writeln!(text, "{inconsistency}");
    }
    if report.more {
        let _ = writeln!(text, "… and more: --limit N shows them");
    }
    let verdict = match report.inconsistencies.len() {
        0 => "sound".to_owned(),
        _ if report.more => "NOT sound".to_owned(),
        1 => "NOT sound: 1 thing is wrong".to_owned(),
        several => format!("NOT sound: {several} things are wrong"),
    };
    let _ = writeln!(
        text,
        "{verdict}; state root {} of block {}\n{} accounts, {} with storage, {} slots, {} trie nodes, {} codes \
         ({:.1} MB) in {seconds:.2} s",
        report.state_root,
        report.height,
        grouped(report.accounts),
        grouped(report.storages),
        grouped(report.slots),
        grouped(report.nodes),
        grouped(report.codes),
        report.code_bytes as f64 / 1e6,
    );
    let tip = store.tip().height;
    if tip > report.height {
        let _ = writeln!(
            text,
            "blocks {} to {tip} are in the journal; their roots held when the store was opened",
            report.height + 1
        );
    }
    text
}

fn verify_json(report: &VerifyReport, store: &Store) -> serde_json::Value {
    let wrong = report.inconsistencies.iter().map(
        |inconsistency| json!({ "place": inconsistency.place.to_string(), "problem": inconsistency.problem }),
    );
    json!({
        "sound": report.inconsistencies.is_empty(),
        "block": report.height,
        "newest": store.tip().height,
        "stateRoot": report.state_root,
        "accounts": report.accounts,
        "storages": report.storages,
        "slots": report.slots,
        "nodes": report.nodes,
        "codes": report.codes,
        "codeBytes": report.code_bytes,
        "wrong": wrong.collect::<Vec<_>>(),
        "more": report.more,
    })
}
