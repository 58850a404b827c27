// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice The price scale of concentrated liquidity: tick t stands for the price 1.0001^t. Prices are kept as square roots
/// in Q64.96 fixed point.
library TickPrice {
    int24 internal constant MAX_TICK = 887272;
    int24 internal constant MIN_TICK = -MAX_TICK;
    /// @dev at(MIN_TICK) and at(MAX_TICK).
    uint160 internal constant MIN_PRICE = 4295128739;
    uint160 internal constant MAX_PRICE = 1461446703485210103287273052203988822378723970342;
    /// @dev 2^64 / log2(sqrt(1.0001)), rounded down.
    int256 private constant TICKS_PER_DOUBLING = 255738958999603826347140;

    error TickOutOfRange(int24 tick);
    error PriceOutOfRange(uint160 price);

    /// @notice The square root of 1.0001^tick in Q64.96, rounded up.
    ///
    /// Binary exponentiation: the factor of bit i is floor(2^128 / sqrt(1.0001)^(2^i)).
    function at(int24 tick) internal pure returns (uint160) {
        unchecked {
            if (tick < MIN_TICK || tick > MAX_TICK) revert TickOutOfRange(tick);
            uint256 bits = uint256(int256(tick < 0 ? -tick : tick));
            uint256 p = 1 << 128;
            if (bits & 0x00001 != 0) p = 0xfffcb933bd6fad37aa2d162d1a594001;
            if (bits & 0x00002 != 0) p = (p * 0xfff97272373d413259a46990580e2139) >> 128;
            if (bits & 0x00004 != 0) p = (p * 0xfff2e50f5f656932ef12357cf3c7fdcb) >> 128;
            if (bits & 0x00008 != 0) p = (p * 0xffe5caca7e10e4e61c3624eaa0941ccf) >> 128;
            if (bits & 0x00010 != 0) p = (p * 0xffcb9843d60f6159c9db58835c926643) >> 128;
            if (bits & 0x00020 != 0) p = (p * 0xff973b41fa98c081472e6896dfb254bf) >> 128;
            if (bits & 0x00040 != 0) p = (p * 0xff2ea16466c96a3843ec78b326b52860) >> 128;
            if (bits & 0x00080 != 0) p = (p * 0xfe5dee046a99a2a811c461f1969c3052) >> 128;
            if (bits & 0x00100 != 0) p = (p * 0xfcbe86c7900a88aedcffc83b479aa3a3) >> 128;
            if (bits & 0x00200 != 0) p = (p * 0xf987a7253ac413176f2b074cf7815e53) >> 128;
            if (bits & 0x00400 != 0) p = (p * 0xf3392b0822b70005940c7a398e4b70f2) >> 128;
            if (bits & 0x00800 != 0) p = (p * 0xe7159475a2c29b7443b29c7fa6e889d8) >> 128;
            if (bits & 0x01000 != 0) p = (p * 0xd097f3bdfd2022b8845ad8f792aa5825) >> 128;
            if (bits & 0x02000 != 0) p = (p * 0xa9f746462d870fdf8a65dc1f90e061e4) >> 128;
            if (bits & 0x04000 != 0) p = (p * 0x70d869a156d2a1b890bb3df62baf32f6) >> 128;
            if (bits & 0x08000 != 0) p = (p * 0x31be135f97d08fd981231505542fcfa5) >> 128;
            if (bits & 0x10000 != 0) p = (p * 0x9aa508b5b7a84e1c677de54f3e99bc8) >> 128;
            if (bits & 0x20000 != 0) p = (p * 0x5d6af8dedb81196699c329225ee604) >> 128;
            if (bits & 0x40000 != 0) p = (p * 0x2216e584f5fa1ea926041bedfe97) >> 128;
            if (bits & 0x80000 != 0) p = (p * 0x48a170391f7dc42444e8fa2) >> 128;
            if (tick > 0) p = type(uint256).max / p;
            return uint160((p >> 32) + (p & 0xffffffff == 0 ? 0 : 1));
        }
    }

    /// @notice The greatest tick whose price is not above `price`.
    ///
    /// A binary logarithm to 14 fractional bits is off by one tick at most; comparing prices settles which it is.
    function tickOf(uint160 price) internal pure returns (int24 tick) {
        unchecked {
            if (price < MIN_PRICE || price >= MAX_PRICE) revert PriceOutOfRange(price);
            uint256 msb = Math.log2(price);
            // Mantissa in [1, 2) as Q1.127.
            uint256 m = msb > 127 ? uint256(price) >> (msb - 127) : uint256(price) << (127 - msb);
            int256 log = (int256(msb) - 96) << 64;
            for (uint256 bit = 63; bit > 49; --bit) {
                m = (m * m) >> 127;
                uint256 carry = m >> 128;
                log |= int256(carry << bit);
                m >>= carry;
            }
            tick = int24((log * TICKS_PER_DOUBLING) >> 128);
            if (tick > MIN_TICK && at(tick) > price) --tick;
            else if (tick < MAX_TICK && at(tick + 1) <= price) ++tick;
        }
    }
}
