//! Four states at once with AVX2.

use super::{
    lanes::{Blocks, Engine, RATE, State},
    permutation::keccak_f,
};
use core::arch::x86_64::*;

/// Proof that this CPU has the instructions this module uses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx2(());

impl Avx2 {
    /// The engine, if this CPU can run it.
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }
}

impl Engine for Avx2 {
    const WIDTH: usize = 4;
    const NARROW: usize = 4;
    const NARROW_COST: usize = 7;

    #[inline]
    fn step(self, state: &mut State, blocks: &Blocks<'_>, fresh: u8) {
        // SAFETY: `Self` exists only where the feature was detected.
        unsafe { step(state, blocks, fresh) }
    }

    #[inline]
    fn step_narrow(self, state: &mut State, blocks: &Blocks<'_>, fresh: u8) {
        self.step(state, blocks, fresh);
    }
}

macro_rules! rol {
    ($a:expr, $n:literal) => {{
        let a = $a;
        _mm256_or_si256(_mm256_slli_epi64::<$n>(a), _mm256_srli_epi64::<{ 64 - $n }>(a))
    }};
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor3(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
    _mm256_xor_si256(_mm256_xor_si256(a, b), c)
}

#[inline]
#[target_feature(enable = "avx2")]
fn chi(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
    _mm256_xor_si256(a, _mm256_andnot_si256(b, c))
}

/// From four rows of one input's words to four rows of one word of all inputs.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn transpose(r: [__m256i; 4]) -> [__m256i; 4] {
    let (even0, odd0) = (_mm256_unpacklo_epi64(r[0], r[1]), _mm256_unpackhi_epi64(r[0], r[1]));
    let (even1, odd1) = (_mm256_unpacklo_epi64(r[2], r[3]), _mm256_unpackhi_epi64(r[2], r[3]));
    [
        _mm256_permute2x128_si256::<0x20>(even0, even1),
        _mm256_permute2x128_si256::<0x20>(odd0, odd1),
        _mm256_permute2x128_si256::<0x31>(even0, even1),
        _mm256_permute2x128_si256::<0x31>(odd0, odd1),
    ]
}

/// The block itself if it is full, or else a padded copy of it in `copy`, which was zero.
#[inline(always)]
fn padded<'a>(block: &'a [u8], copy: &'a mut [u8; RATE]) -> &'a [u8; RATE] {
    if let Some(full) = block.first_chunk() {
        return full;
    }
    let (words, tail) = block.as_chunks::<8>();
    let (copies, _) = copy.as_chunks_mut::<8>();
    for (to, word) in copies.iter_mut().zip(words) {
        *to = *word;
    }
    let mut last = [0; 8];
    for (to, byte) in last.iter_mut().zip(tail) {
        *to = *byte;
    }
    last[tail.len()] = 1;
    copies[words.len()] = last;
    copy[RATE - 1] |= 0x80;
    copy
}

#[target_feature(enable = "avx2")]
fn step(state: &mut State, blocks: &Blocks<'_>, fresh: u8) {
    let mut a = [_mm256_setzero_si256(); 25];
    let bits = _mm256_setr_epi64x(1, 2, 4, 8);
    let fresh = _mm256_cmpeq_epi64(_mm256_and_si256(_mm256_set1_epi64x(i64::from(fresh)), bits), bits);
    for (vector, words) in a.iter_mut().zip(&state.0) {
        // SAFETY: a row is 64 bytes.
        *vector = _mm256_andnot_si256(fresh, unsafe { _mm256_loadu_si256(words.as_ptr().cast()) });
    }

    let mut copies = [[0; RATE]; 4];
    let [copy0, copy1, copy2, copy3] = &mut copies;
    let blocks = [
        padded(blocks[0], copy0),
        padded(blocks[1], copy1),
        padded(blocks[2], copy2),
        padded(blocks[3], copy3),
    ];
    for quarter in 0..4 {
        // SAFETY: four times 32 bytes are inside the block's 136.
        let rows = blocks.map(|block| unsafe { _mm256_loadu_si256(block.as_ptr().add(32 * quarter).cast()) });
        for (vector, words) in a[4 * quarter..].iter_mut().zip(transpose(rows)) {
            *vector = _mm256_xor_si256(*vector, words);
        }
    }
    let w = |lane: usize| i64::from_le_bytes(*blocks[lane].last_chunk().expect("a block has eight bytes"));
    a[16] = _mm256_xor_si256(a[16], _mm256_setr_epi64x(w(0), w(1), w(2), w(3)));

    keccak_f!(a, _mm256_xor_si256, xor3, chi, rol, _mm256_set1_epi64x);

    for (vector, words) in a.iter().zip(&mut state.0) {
        // SAFETY: a row is 64 bytes.
        unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), *vector) };
    }
}
