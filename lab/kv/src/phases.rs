//! The measured phases. Each runs in a process of its own and prints lines of `measure value`, times in microseconds unless the
//! name says otherwise.

use crate::{
    dataset::{self, Random},
    engine::{Spec, Table},
    process,
};
use eyre::{Result, ensure};
use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

fn print(measure: &str, value: f64) {
    println!("{measure} {value:.3}");
}

fn micros(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e6
}

/// The `q` quantile of `samples`, which are sorted by it.
fn quantile(samples: &mut [f64], q: f64) -> f64 {
    samples.sort_unstable_by(f64::total_cmp);
    samples
        .get(((samples.len() as f64 * q) as usize).min(samples.len().saturating_sub(1)))
        .copied()
        .unwrap_or(0.0)
}

/// Fills an empty database.
pub fn fill(spec: &Spec, dir: &Path, accounts: u64) -> Result<()> {
    let store = spec.open(dir)?;
    let mut seconds = 0.0;
    for table in [Table::Account, Table::Slot, Table::Node] {
        let mut items = dataset::sorted(table, accounts);
        let started = Instant::now();
        store.load(table, &mut items)?;
        seconds += started.elapsed().as_secs_f64();
    }
    let started = Instant::now();
    store.settle()?;
    drop(store);
    print("load_s", seconds + started.elapsed().as_secs_f64());
    print("disk_mib", process::disk_bytes(dir)? as f64 / 1_048_576.0);
    Ok(())
}

/// Random reads with warm caches: each kind once untimed, then timed.
pub fn warm(spec: &Spec, dir: &Path, accounts: u64, reads: u64) -> Result<()> {
    let store = spec.open(dir)?;
    let reader = store.reader()?;
    // All of it into the page cache, and the engine's cache filled by random reads.
    for path in process::files(dir)? {
        std::io::copy(&mut std::fs::File::open(path)?, &mut std::io::sink())?;
    }
    let mut random = Random::new(11);
    for table in [Table::Account, Table::Slot, Table::Node] {
        for _ in 0..reads {
            reader.get(table, &dataset::key(table, random.below(dataset::count(table, accounts))))?;
        }
    }
    let timed = |name: &str, seed: u64, read: &mut dyn FnMut(&mut Random) -> Result<()>| -> Result<()> {
        let mut random = Random::new(seed);
        let started = Instant::now();
        for _ in 0..reads {
            read(&mut random)?;
        }
        print(name, micros(started) / reads as f64);
        Ok(())
    };
    for table in [Table::Account, Table::Slot, Table::Node] {
        timed(&format!("get_{}", table.name()), 12, &mut |random| {
            let index = random.below(dataset::count(table, accounts));
            ensure!(
                reader.get(table, &dataset::key(table, index))?.is_some(),
                "{} {index} is gone",
                table.name()
            );
            Ok(())
        })?;
    }
    timed("get_absent", 13, &mut |random| {
        let key = dataset::key(Table::Account, accounts * 4 + random.below(1 << 40));
        ensure!(reader.get(Table::Account, &key)?.is_none(), "found what was never written");
        Ok(())
    })?;
    timed("seek_slot", 14, &mut |random| {
        let from = &dataset::key(Table::Slot, random.below(1 << 50))[..8];
        reader.seek(Table::Slot, from)?;
        Ok(())
    })?;
    print("read_memory_mib", process::own_memory()? as f64 / 1_048_576.0);
    Ok(())
}

/// Random reads of accounts from the disk: the kernel holds no page, the engine starts with an empty cache of 8 MiB.
pub fn cold(spec: &Spec, dir: &Path, accounts: u64, reads: u64) -> Result<()> {
    process::forget_pages(dir)?;
    let store = spec.with("cache", 8.0).open(dir)?;
    let reader = store.reader()?;
    let mut random = Random::new(21);
    let before = process::bytes_read()?;
    let mut samples = Vec::new();
    for _ in 0..reads {
        let key = dataset::key(Table::Account, random.below(accounts));
        let started = Instant::now();
        ensure!(reader.get(Table::Account, &key)?.is_some(), "an account is gone");
        samples.push(micros(started));
    }
    print("cold_get_p50", quantile(&mut samples, 0.5));
    print("cold_get_p99", quantile(&mut samples, 0.99));
    print("cold_kib_per_get", (process::bytes_read()? - before) as f64 / 1024.0 / reads as f64);
    Ok(())
}

/// Commits of four sizes, then 200 of 2,000 accounts; each durable when it returns. Generations start at `generation`.
pub fn commits(spec: &Spec, dir: &Path, accounts: u64, mut generation: u64) -> Result<()> {
    let store = spec.open(dir)?;
    for number in 0..100 {
        store.commit(&dataset::block(generation * 1000 + number))?;
    }
    let mut samples = Vec::new();
    for number in 0..300 {
        let batch = dataset::block(generation * 1000 + 100 + number);
        let started = Instant::now();
        store.commit(&batch)?;
        samples.push(micros(started));
    }
    print("commit_block_p50", quantile(&mut samples, 0.5));
    print("commit_block_p99", quantile(&mut samples, 0.99));
    for (changed, rounds) in [(1, 300), (200, 100), (20_000, 10)] {
        let mut samples = Vec::new();
        for _ in 0..rounds {
            generation += 1;
            let batch = dataset::batch(accounts, changed, generation);
            let started = Instant::now();
            store.commit(&batch)?;
            samples.push(micros(started));
        }
        print(&format!("commit_{changed}_p50"), quantile(&mut samples, 0.5));
        print(&format!("commit_{changed}_max"), quantile(&mut samples, 1.0));
    }
    store.settle()?;
    let before = process::bytes_written()?;
    let mut logical = 0;
    let mut seconds = 0.0;
    let mut slowest: f64 = 0.0;
    for _ in 0..200 {
        generation += 1;
        let batch = dataset::batch(accounts, 2_000, generation);
        logical += dataset::logical_bytes(&batch);
        let started = Instant::now();
        store.commit(&batch)?;
        let taken = started.elapsed().as_secs_f64();
        seconds += taken;
        slowest = slowest.max(taken);
    }
    store.settle()?;
    drop(store);
    print("sustained_mib_per_s", logical as f64 / 1_048_576.0 / seconds);
    print("sustained_slowest_ms", slowest * 1000.0);
    print("write_amplification", (process::bytes_written()? - before) as f64 / logical as f64);
    print("commit_peak_mib", process::peak_memory()? as f64 / 1_048_576.0);
    print("disk_after_mib", process::disk_bytes(dir)? as f64 / 1_048_576.0);
    Ok(())
}

/// Reads of random accounts on a second thread, first alone, then while commits of 20,000 accounts run.
pub fn contended(spec: &Spec, dir: &Path, accounts: u64, mut generation: u64) -> Result<()> {
    let store = spec.open(dir)?;
    let stop = AtomicBool::new(false);
    let read = |samples: &mut Vec<f64>, enough: usize| -> Result<()> {
        let mut random = Random::new(generation + 31);
        while !stop.load(Ordering::Relaxed) && samples.len() < enough {
            let reader = store.reader()?;
            for _ in 0..16 {
                let key = dataset::key(Table::Account, random.below(accounts));
                let started = Instant::now();
                ensure!(reader.get(Table::Account, &key)?.is_some(), "an account is gone");
                samples.push(micros(started));
            }
        }
        Ok(())
    };
    let mut alone = Vec::new();
    read(&mut alone, 50_000)?;
    alone.clear();
    read(&mut alone, 200_000)?;
    print("read_alone_p50", quantile(&mut alone, 0.5));
    print("read_alone_p999", quantile(&mut alone, 0.999));
    let batches: Vec<_> = (0..5).map(|i| dataset::batch(accounts, 20_000, generation + 1 + i)).collect();
    let mut beside = Vec::new();
    std::thread::scope(|scope| -> Result<()> {
        let reading = scope.spawn(|| read(&mut beside, usize::MAX));
        for batch in &batches {
            store.commit(batch)?;
        }
        stop.store(true, Ordering::Relaxed);
        reading.join().expect("the reader does not panic")
    })?;
    generation += 5;
    let _ = generation;
    print("read_beside_commit_p50", quantile(&mut beside, 0.5));
    print("read_beside_commit_p999", quantile(&mut beside, 0.999));
    print("read_beside_commit_max", quantile(&mut beside, 1.0));
    Ok(())
}

/// Commits 100 batches of 2,000 accounts and ends without closing anything, as `kill -9` would.
pub fn killed(spec: &Spec, dir: &Path, accounts: u64, generation: u64) -> Result<()> {
    let store = spec.open(dir)?;
    for i in 0..100 {
        store.commit(&dataset::batch(accounts, 2_000, generation + i))?;
    }
    std::process::abort();
}

/// Opens, and reads once.
pub fn reopen(spec: &Spec, dir: &Path) -> Result<()> {
    let started = Instant::now();
    let store = spec.open(dir)?;
    store.reader()?.get(Table::Account, &dataset::key(Table::Account, 1))?;
    print("reopen_after_kill_ms", micros(started) / 1000.0);
    Ok(())
}
