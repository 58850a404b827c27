//! The permutation Keccak-f\[1600\] (FIPS 202, section 3), for any vector type.
//!
//! The five steps of a round are the same on a register that holds one word of one state as on a register that holds
//! that word of many states. [`keccak_f!`] writes the rounds down once, and each instruction set passes its own
//! operations.

/// Number of rounds.
pub(super) const ROUNDS: usize = 24;

/// What step iota adds to the first word in each round.
pub(super) static ROUND_CONSTANTS: [u64; ROUNDS] = round_constants();

/// Bit `2^j - 1` of constant `i` is bit `7i + j` of the sequence of the register x^8 + x^6 + x^5 + x^4 + 1
/// (FIPS 202, algorithm 5).
const fn round_constants() -> [u64; ROUNDS] {
    let mut constants = [0; ROUNDS];
    let mut register = 1u16;
    let mut round = 0;
    while round < ROUNDS {
        let mut j = 0;
        while j < 7 {
            constants[round] |= ((register & 1) as u64) << ((1 << j) - 1);
            register <<= 1;
            if register & 0x100 != 0 {
                register ^= 0x171;
            }
            j += 1;
        }
        round += 1;
    }
    constants
}

/// Permutes `$a`, an array of 25 vectors in the order of FIPS 202: word `x + 5y`.
///
/// The operations are macros or functions by name: `$xor(a, b)`, `$xor3(a, b, c)`, `$chi(a, b, c) = a ^ (!b & c)`,
/// `$rol!(a, n)` with a literal `n`, and `$splat(word)`.
macro_rules! keccak_f {
    ($a:ident, $xor:ident, $xor3:ident, $chi:ident, $rol:ident, $splat:ident) => {
        for constant in &super::permutation::ROUND_CONSTANTS {
            // Theta: each column takes in the parity of its two neighbours.
            let c0 = $xor3($xor3($a[0], $a[5], $a[10]), $a[15], $a[20]);
            let c1 = $xor3($xor3($a[1], $a[6], $a[11]), $a[16], $a[21]);
            let c2 = $xor3($xor3($a[2], $a[7], $a[12]), $a[17], $a[22]);
            let c3 = $xor3($xor3($a[3], $a[8], $a[13]), $a[18], $a[23]);
            let c4 = $xor3($xor3($a[4], $a[9], $a[14]), $a[19], $a[24]);
            let d0 = $xor(c4, $rol!(c1, 1));
            let d1 = $xor(c0, $rol!(c2, 1));
            let d2 = $xor(c1, $rol!(c3, 1));
            let d3 = $xor(c2, $rol!(c4, 1));
            let d4 = $xor(c3, $rol!(c0, 1));

            // Rho and pi: row Y of the next state takes word (X + 3Y mod 5, X), rotated.
            // Chi: its words are mixed. Row by row, so that few vectors are alive at once.
            let b0 = $xor($a[0], d0);
            let b1 = $rol!($xor($a[6], d1), 44);
            let b2 = $rol!($xor($a[12], d2), 43);
            let b3 = $rol!($xor($a[18], d3), 21);
            let b4 = $rol!($xor($a[24], d4), 14);
            // Iota: the first word takes in the constant of the round.
            let e0 = $xor($chi(b0, b1, b2), $splat(*constant as i64));
            let e1 = $chi(b1, b2, b3);
            let e2 = $chi(b2, b3, b4);
            let e3 = $chi(b3, b4, b0);
            let e4 = $chi(b4, b0, b1);

            let b0 = $rol!($xor($a[3], d3), 28);
            let b1 = $rol!($xor($a[9], d4), 20);
            let b2 = $rol!($xor($a[10], d0), 3);
            let b3 = $rol!($xor($a[16], d1), 45);
            let b4 = $rol!($xor($a[22], d2), 61);
            let e5 = $chi(b0, b1, b2);
            let e6 = $chi(b1, b2, b3);
            let e7 = $chi(b2, b3, b4);
            let e8 = $chi(b3, b4, b0);
            let e9 = $chi(b4, b0, b1);

            let b0 = $rol!($xor($a[1], d1), 1);
            let b1 = $rol!($xor($a[7], d2), 6);
            let b2 = $rol!($xor($a[13], d3), 25);
            let b3 = $rol!($xor($a[19], d4), 8);
            let b4 = $rol!($xor($a[20], d0), 18);
            let e10 = $chi(b0, b1, b2);
            let e11 = $chi(b1, b2, b3);
            let e12 = $chi(b2, b3, b4);
            let e13 = $chi(b3, b4, b0);
            let e14 = $chi(b4, b0, b1);

            let b0 = $rol!($xor($a[4], d4), 27);
            let b1 = $rol!($xor($a[5], d0), 36);
            let b2 = $rol!($xor($a[11], d1), 10);
            let b3 = $rol!($xor($a[17], d2), 15);
            let b4 = $rol!($xor($a[23], d3), 56);
            let e15 = $chi(b0, b1, b2);
            let e16 = $chi(b1, b2, b3);
            let e17 = $chi(b2, b3, b4);
            let e18 = $chi(b3, b4, b0);
            let e19 = $chi(b4, b0, b1);

            let b0 = $rol!($xor($a[2], d2), 62);
            let b1 = $rol!($xor($a[8], d3), 55);
            let b2 = $rol!($xor($a[14], d4), 39);
            let b3 = $rol!($xor($a[15], d0), 41);
            let b4 = $rol!($xor($a[21], d1), 2);
            let e20 = $chi(b0, b1, b2);
            let e21 = $chi(b1, b2, b3);
            let e22 = $chi(b2, b3, b4);
            let e23 = $chi(b3, b4, b0);
            let e24 = $chi(b4, b0, b1);

            $a = [
                e0, e1, e2, e3, e4, e5, e6, e7, e8, e9, e10, e11, e12, e13, e14, e15, e16, e17, e18, e19,
                e20, e21, e22, e23, e24,
            ];
        }
    };
}
pub(super) use keccak_f;
