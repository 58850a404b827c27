//! x
use mundi_chain::ChainSpec;
use mundi_replay::*;
#[test]
fn load() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let options = ReplayOptions::new(std::num::NonZeroUsize::new(2).unwrap());
    let mut all = vec![];
    for f in mundi_replay::block_files(&["/work/shared/fixtures/blocks".into()]).unwrap() {
        let b = mundi_replay::BlockFile::read(&f).unwrap().prepare(&ChainSpec::mainnet(), &pool).unwrap();
        match replay(&b, &pool, &options) {
            Ok(r) => {
                println!("{} {} deps", r.record.number, r.graph.dependencies.len());
                all.push(r.record)
            }
            Err(e) => println!("{e}"),
        }
    }
    println!("{}", ReplayRecord::new(&options, all).to_table(false));
}
