//! Each engine this CPU can run gives what the scalar code gives.

use super::*;
use alloy_primitives::KECCAK256_EMPTY;

type Hash = fn(&[&[u8]], &mut [B256]);

/// The ways to hash a batch, by name.
fn ways() -> Vec<(&'static str, Hash)> {
    let mut ways = engines();
    ways.push(("many", |inputs, out| keccak256_many(inputs, out)));
    ways.push(("each", |inputs, out| keccak256_each(|i| inputs[i], out)));
    ways.push(("one by one", |inputs, out| one_by_one(&|i| inputs[i], out)));
    ways
}

/// The engines that this CPU can run, each asked for by itself.
#[cfg(target_arch = "x86_64")]
fn engines() -> Vec<(&'static str, Hash)> {
    let mut engines: Vec<(&'static str, Hash)> = Vec::new();
    if avx512::Avx512::detect().is_some() {
        engines.push(("avx512", |inputs, out| {
            let engine = avx512::Avx512::detect().expect("asked above");
            lanes::hash(engine, &|i| inputs[i], out);
        }));
    }
    if avx2::Avx2::detect().is_some() {
        engines.push(("avx2", |inputs, out| {
            let engine = avx2::Avx2::detect().expect("asked above");
            lanes::hash(engine, &|i| inputs[i], out);
        }));
    }
    engines
}

/// The engines that this CPU can run.
#[cfg(not(target_arch = "x86_64"))]
fn engines() -> Vec<(&'static str, Hash)> {
    Vec::new()
}

/// Hashes the batch each way.
#[track_caller]
fn check(inputs: &[&[u8]]) {
    let expected: Vec<B256> = inputs.iter().map(keccak256).collect();
    for (name, hash) in ways() {
        let mut out = vec![B256::repeat_byte(0xee); inputs.len()];
        hash(inputs, &mut out);
        for (i, (hash, expected)) in out.iter().zip(&expected).enumerate() {
            let lengths = || inputs.iter().map(|input| input.len()).collect::<Vec<_>>();
            assert_eq!(hash, expected, "{name}: input {i} of those with lengths {:?}", lengths());
        }
    }
}

/// A xorshift generator: the same numbers on every run.
struct Noise(u64);

impl Noise {
    const fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 16
    }

    const fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

#[test]
fn nothing_hashes_to_the_known_value() {
    for (name, hash) in ways() {
        hash(&[], &mut []);
        for n in 1..=9 {
            let mut out = vec![B256::ZERO; n];
            hash(&vec![&[][..]; n], &mut out);
            assert!(out.iter().all(|hash| *hash == KECCAK256_EMPTY), "{name}, {n} inputs");
        }
    }
}

#[test]
fn every_length_in_every_lane() {
    let noise = Noise::new().bytes(1200);
    for len in 0..=1100 {
        let inputs: Vec<&[u8]> = (0..12).map(|start| &noise[start..start + len]).collect();
        for n in [1, 2, 4, 7, 8, 12] {
            check(&inputs[..n]);
        }
    }
}

#[test]
fn each_length_beside_all_others() {
    let noise = Noise::new().bytes(2300);
    let up: Vec<&[u8]> = (0..=1100).map(|len| &noise[len..2 * len]).collect();
    check(&up);
    check(&up.iter().rev().copied().collect::<Vec<_>>());
}

#[test]
fn every_batch_size_with_mixed_lengths() {
    let mut noise = Noise::new();
    let bytes = noise.bytes(4096);
    // All lengths, the lengths of trie nodes, those around the ends of blocks, and one long input among short ones.
    let lengths: [fn(&mut Noise) -> usize; 4] = [
        |noise| noise.below(1100),
        |noise| if noise.below(3) == 0 { 20 + 32 * (2 + noise.below(15)) } else { 30 + noise.below(90) },
        |noise| (136 * noise.below(7) + noise.below(19)).saturating_sub(9),
        |noise| if noise.below(9) == 0 { 2000 } else { noise.below(136) },
    ];
    for size in 0..=70 {
        for length in lengths {
            for _ in 0..4 {
                let inputs: Vec<&[u8]> = (0..size)
                    .map(|_| {
                        let (start, len) = (noise.below(2000), length(&mut noise));
                        &bytes[start..start + len]
                    })
                    .collect();
                check(&inputs);
            }
        }
    }
}

#[test]
fn batches_longer_than_a_group() {
    let mut noise = Noise::new();
    let bytes = noise.bytes(1200);
    for size in [511, 512, 513, 1024, 1500] {
        let inputs: Vec<&[u8]> = (0..size).map(|_| &bytes[noise.below(500)..][..noise.below(700)]).collect();
        check(&inputs);
    }
}

/// For tools that watch memory: each input is an allocation of its own, with nothing after it.
#[test]
fn inputs_that_end_where_their_memory_ends() {
    let mut noise = Noise::new();
    let inputs: Vec<Box<[u8]>> = (0..=300).map(|len| noise.bytes(len).into_boxed_slice()).collect();
    check(&inputs.iter().map(AsRef::as_ref).collect::<Vec<_>>());
}

#[test]
fn arrays_and_vectors_are_inputs_too() {
    let keys = [B256::repeat_byte(1), B256::repeat_byte(2), B256::repeat_byte(3)];
    let mut out = [B256::ZERO; 3];
    keccak256_many(&keys, &mut out);
    assert_eq!(out, keys.map(keccak256));
    keccak256_many(&keys.map(|key| key.to_vec()), &mut out);
    assert_eq!(out, keys.map(keccak256));
}

#[test]
#[should_panic(expected = "one hash for each input")]
fn as_many_hashes_as_inputs() {
    keccak256_many(&[[1], [2]], &mut [B256::ZERO]);
}
