//! Keccak-256 of many byte strings at once.
//!
//! # Promises
//!
//! [`keccak256_many`] and [`keccak256_each`] give exactly what [`keccak256`] gives for each input, in the order of the
//! inputs, on every CPU. They start no threads and allocate nothing.
//!
//! # Why
//!
//! The root of a Merkle-Patricia trie is bound by this hash: each node that changed is hashed again, and nodes of one
//! level do not depend on each other. One permutation of Keccak is a long chain of 64-bit operations, the same for each
//! state, so a vector register that holds one word of eight states permutes eight at once:
//!
//! | instructions | lanes | speed against the scalar assembly, mixed nodes: 8 / 64 / 1000 inputs |
//! |---|---|---|
//! | AVX-512 F, BW, VL | 8, or 4 at the end | 3.6 / 4.6 / 4.7 |
//! | AVX2 | 4 | 2.1 / 2.4 / 2.4 |
//! | others | 1 | 1 |
//!
//! (Measured in one run on Zen 4. A mixed node is a leaf, an extension, or a branch with two to sixteen hashes.)
//!
//! # Limits
//!
//! A batch pays from two inputs on; one input alone costs about what [`keccak256`] costs, a tenth more with AVX2.
//! Inputs of any length are right, but only lengths up to four blocks of 136 bytes are told apart when the work is put
//! in order. The time depends on lengths, never on contents.
//!
//! # Structure
//!
//! `lanes` decides which lane hashes what and when, `avx512` and `avx2` move bytes in and out of registers, and
//! `permutation` has the rounds for both.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod lanes;
#[cfg(target_arch = "x86_64")]
mod permutation;
#[cfg(test)]
mod tests;

use alloy_primitives::{B256, keccak256};

/// Hashes many byte strings: `out[i]` is the Keccak-256 of `inputs[i]`.
///
/// # Panics
///
/// If the two slices differ in length.
pub(crate) fn keccak256_many<T: AsRef<[u8]>>(inputs: &[T], out: &mut [B256]) {
    assert_eq!(inputs.len(), out.len(), "one hash for each input");
    keccak256_each(|i| inputs[i].as_ref(), out);
}

/// Hashes many byte strings that no slice holds: `out[i]` is the Keccak-256 of `input(i)`.
///
/// `input` is called a few times for each `i`, and has to give the same bytes each time.
pub(crate) fn keccak256_each<'a>(input: impl Fn(usize) -> &'a [u8], out: &mut [B256]) {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(engine) = avx512::Avx512::detect() {
            return lanes::hash(engine, &input, out);
        }
        if let Some(engine) = avx2::Avx2::detect() {
            return lanes::hash(engine, &input, out);
        }
    }
    one_by_one(&input, out);
}

/// The portable way.
fn one_by_one<'a>(input: &impl Fn(usize) -> &'a [u8], out: &mut [B256]) {
    for (i, hash) in out.iter_mut().enumerate() {
        *hash = keccak256(input(i));
    }
}
