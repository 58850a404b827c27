//! Eight states at once with AVX-512, or four when no more are left.

use super::{
    avx2,
    lanes::{Blocks, Engine, RATE, State},
    permutation::keccak_f,
};
use core::arch::x86_64::*;

/// Proof that this CPU has the instructions this module uses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx512(());

impl Avx512 {
    /// The engine, if this CPU can run it.
    pub(super) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl"))
        .then_some(Self(()))
    }
}

impl Engine for Avx512 {
    const WIDTH: usize = 8;
    const NARROW: usize = 4;
    const NARROW_COST: usize = 4;

    #[inline]
    fn step(self, state: &mut State, blocks: &Blocks<'_>, fresh: u8) {
        // SAFETY: `Self` exists only where the features were detected.
        unsafe { step_8(state, blocks, fresh) }
    }

    #[inline]
    fn step_narrow(self, state: &mut State, blocks: &Blocks<'_>, fresh: u8) {
        // SAFETY: `Self` exists only where the features were detected.
        unsafe { step_4(state, blocks, fresh) }
    }
}

/// The first 128 bytes of a block are read under masks, so that a short block is padded in registers.
#[derive(Clone, Copy)]
struct Masks {
    /// Bit `i` of word `j`: byte `64j + i` belongs to the input.
    data: [u64; 2],
    /// Bit `i` of word `j`: byte `64j + i` is the first after the input, where padding begins.
    pad: [u64; 2],
}

impl Masks {
    #[inline(always)]
    const fn new(len: usize) -> Self {
        if len >= 128 {
            Self { data: [!0, !0], pad: [0, 0] }
        } else if len >= 64 {
            let end = 1 << (len - 64);
            Self { data: [!0, end - 1], pad: [0, end] }
        } else {
            let end = 1 << len;
            Self { data: [end - 1, 0], pad: [end, 0] }
        }
    }
}

static MASKS: [Masks; RATE + 1] = {
    let mut masks = [Masks::new(RATE); RATE + 1];
    let mut len = 0;
    while len < RATE {
        masks[len] = Masks::new(len);
        len += 1;
    }
    masks
};

/// The last word of a block, padded: its highest bit ends the padding.
#[inline(always)]
fn last_word(block: &[u8]) -> i64 {
    const START: usize = RATE - 8;
    match block.len().checked_sub(START) {
        None => i64::MIN,
        Some(0) => i64::MIN | 1,
        // What the block's last eight bytes have in this word, and the first byte of the padding.
        Some(tail @ 1..8) => {
            let bytes = *block.last_chunk().expect("longer than a word");
            i64::MIN | (u64::from_le_bytes(bytes) >> (64 - 8 * tail)) as i64 | 1 << (8 * tail)
        }
        Some(_) => i64::from_le_bytes(block[START..RATE].try_into().expect("one word")),
    }
}

/// What masked loads of no bytes point to. They read nothing, but they are slow where no memory is.
static NOTHING: [u8; 64] = [0; 64];

/// Half of a block's first 128 bytes, padded.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn row_8(block: &[u8], half: usize) -> __m512i {
    let Masks { data, pad } = MASKS[block.len()];
    let pad = _mm512_maskz_set1_epi8(pad[half], 1);
    let bytes = block.get(64 * half..).filter(|bytes| !bytes.is_empty()).unwrap_or(&NOTHING);
    // SAFETY: only bytes whose bit in the mask is set are read. There are as many as the block has from here on, at
    // most a row, and none if `bytes` is `NOTHING`.
    unsafe { _mm512_mask_loadu_epi8(pad, data[half], bytes.as_ptr().cast()) }
}

/// A quarter of a block's first 128 bytes, padded.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn row_4(block: &[u8], quarter: usize) -> __m256i {
    let Masks { data, pad } = MASKS[block.len()];
    let (half, shift) = (quarter / 2, 32 * (quarter % 2));
    let pad = _mm256_maskz_set1_epi8((pad[half] >> shift) as u32, 1);
    let bytes = block.get(32 * quarter..).filter(|bytes| !bytes.is_empty()).unwrap_or(&NOTHING);
    // SAFETY: only bytes whose bit in the mask is set are read. There are as many as the block has from here on, at
    // most a row, and none if `bytes` is `NOTHING`.
    unsafe { _mm256_mask_loadu_epi8(pad, (data[half] >> shift) as u32, bytes.as_ptr().cast()) }
}

macro_rules! rol_8 {
    ($a:expr, $n:literal) => {
        _mm512_rol_epi64::<$n>($a)
    };
}

macro_rules! rol_4 {
    ($a:expr, $n:literal) => {
        _mm256_rol_epi64::<$n>($a)
    };
}

#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn xor3_8(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi64::<0x96>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn chi_8(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi64::<0xd2>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn xor3_4(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
    _mm256_ternarylogic_epi64::<0x96>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn chi_4(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
    _mm256_ternarylogic_epi64::<0xd2>(a, b, c)
}

/// From eight rows of one input's words to eight rows of one word of all inputs.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(r: [__m512i; 8]) -> [__m512i; 8] {
    // Pairs of inputs, then fours, then all.
    let mut w = r;
    for parity in 0..2 {
        let pair = |i: usize| {
            if parity == 0 {
                _mm512_unpacklo_epi64(r[i], r[i + 1])
            } else {
                _mm512_unpackhi_epi64(r[i], r[i + 1])
            }
        };
        let (p0, p1, p2, p3) = (pair(0), pair(2), pair(4), pair(6));
        let (low0, high0) = (_mm512_shuffle_i64x2::<0x44>(p0, p1), _mm512_shuffle_i64x2::<0xee>(p0, p1));
        let (low1, high1) = (_mm512_shuffle_i64x2::<0x44>(p2, p3), _mm512_shuffle_i64x2::<0xee>(p2, p3));
        w[parity] = _mm512_shuffle_i64x2::<0x88>(low0, low1);
        w[parity + 2] = _mm512_shuffle_i64x2::<0xdd>(low0, low1);
        w[parity + 4] = _mm512_shuffle_i64x2::<0x88>(high0, high1);
        w[parity + 6] = _mm512_shuffle_i64x2::<0xdd>(high0, high1);
    }
    w
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn step_8(state: &mut State, blocks: &Blocks<'_>, fresh: u8) {
    let mut a = [_mm512_setzero_si512(); 25];
    for half in 0..2 {
        let rows = [0, 1, 2, 3, 4, 5, 6, 7].map(|lane| row_8(blocks[lane], half));
        a[8 * half..8 * half + 8].copy_from_slice(&transpose(rows));
    }
    let w = |lane: usize| last_word(blocks[lane]);
    a[16] = _mm512_setr_epi64(w(0), w(1), w(2), w(3), w(4), w(5), w(6), w(7));
    for (vector, words) in a.iter_mut().zip(&state.0) {
        // SAFETY: a row is 64 bytes.
        let words = unsafe { _mm512_maskz_loadu_epi64(!fresh, words.as_ptr().cast()) };
        *vector = _mm512_xor_si512(*vector, words);
    }

    keccak_f!(a, _mm512_xor_si512, xor3_8, chi_8, rol_8, _mm512_set1_epi64);

    for (vector, words) in a.iter().zip(&mut state.0) {
        // SAFETY: a row is 64 bytes.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), *vector) };
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn step_4(state: &mut State, blocks: &Blocks<'_>, fresh: u8) {
    let mut a = [_mm256_setzero_si256(); 25];
    for quarter in 0..4 {
        let rows = [0, 1, 2, 3].map(|lane| row_4(blocks[lane], quarter));
        a[4 * quarter..4 * quarter + 4].copy_from_slice(&avx2::transpose(rows));
    }
    let w = |lane: usize| last_word(blocks[lane]);
    a[16] = _mm256_setr_epi64x(w(0), w(1), w(2), w(3));
    for (vector, words) in a.iter_mut().zip(&state.0) {
        // SAFETY: a row is 64 bytes.
        let words = unsafe { _mm256_maskz_loadu_epi64(!fresh, words.as_ptr().cast()) };
        *vector = _mm256_xor_si256(*vector, words);
    }

    keccak_f!(a, _mm256_xor_si256, xor3_4, chi_4, rol_4, _mm256_set1_epi64x);

    for (vector, words) in a.iter().zip(&mut state.0) {
        // SAFETY: a row is 64 bytes.
        unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), *vector) };
    }
}
