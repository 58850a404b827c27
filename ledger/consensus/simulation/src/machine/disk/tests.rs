use super::*;
use crate::machine::{Machine, Skew};
use commonware_runtime::{Runner as _, Supervisor as _, deterministic::Runner};

/// Lets something be done to a file on a machine's disk; what is there after power failed.
fn after_a_crash(
    seed: u64,
    work: impl AsyncFnOnce(&Disk, &DiskBlob) + Send + 'static,
) -> (Vec<u8>, Counters) {
    let counters = Counters::default();
    let disk = Disk::new(Dice::new(seed, "disk"), counters.clone());
    let left = Runner::default().start(|context| async move {
        let skew = Skew::new(Counters::default());
        let machine = Machine::new(context.child("machine"), skew, disk.clone());
        let (blob, _) = machine.open("partition", b"file").await.expect("there is no such file");
        work(&disk, &blob).await;
        drop(blob);
        disk.kill();
        disk.recover(&context).await;
        disk.revive();
        let (blob, length) = machine.open("partition", b"file").await.expect("it is closed");
        let length = usize::try_from(length).expect("it is small");
        let bytes = blob.read_at(0, length, ReadOptions::default()).await.expect("it is so long");
        bytes.coalesce().as_ref().to_vec()
    });
    (left, counters)
}

async fn write(blob: &DiskBlob, offset: u64, bytes: &'static [u8], options: WriteOptions) {
    blob.write_at(offset, bytes, options).await.expect("nothing fails");
}

#[test]
fn of_safe_writes_nothing_is_remembered_and_all_is_there() {
    for seed in 0..8 {
        let (left, _) = after_a_crash(seed, async |disk, blob| {
            write(blob, 0, b"lost or not", WriteOptions::default()).await;
            blob.sync().await.expect("nothing fails");
            write(blob, 0, b"safe", WriteOptions::SYNC).await;
            write(blob, 4, b" and sound", WriteOptions::SYNC).await;
            assert!(disk.lock().unsynced.is_empty());
        });
        assert_eq!(left, b"safe and sound");
    }
}

#[test]
fn a_safe_write_is_there_whatever_becomes_of_the_one_before() {
    let mut torn = 0;
    for seed in 0..32 {
        let (left, counters) = after_a_crash(seed, async |_, blob| {
            write(blob, 4, &[7; 60], WriteOptions::default()).await;
            write(blob, 0, b"safe", WriteOptions::SYNC).await;
        });
        assert_eq!(&left[..4], b"safe", "seed {seed}");
        let kept = left[4..].iter().filter(|byte| **byte == 7).count();
        let counted = counters.counts().of(Fault::TornWrite);
        assert_eq!(counted, u64::from(0 < kept && kept < 60), "seed {seed}: {kept} bytes");
        torn += counted;
    }
    assert!((1..32).contains(&torn), "{torn} writes were torn");
}

#[test]
fn power_that_shall_fail_at_a_machine_that_is_off_fails_when_it_comes_back() {
    let counters = Counters::default();
    let disk = Disk::new(Dice::new(0, "disk"), counters.clone());
    let fired = || {
        let counts = counters.counts();
        (counts.of(Fault::CrashInStorage), counts.of(Fault::CrashInRecovery))
    };
    disk.kill();
    disk.set_fuse(1);
    disk.revive();
    assert!(!disk.burn());
    assert!(disk.burn());
    assert_eq!(fired(), (0, 1));
    disk.revive();
    disk.begun();
    disk.set_fuse(0);
    assert!(disk.burn());
    assert_eq!(fired(), (1, 1));
    disk.set_fuse(0);
    disk.clear_fuse();
    disk.revive();
    assert!(!disk.burn());
}
