// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice Amounts and prices within one range of constant liquidity. With L the liquidity and s the square root
/// of the price: L = dx / d(1/s) = dy / ds. Rounding always favours the pool.
library SwapStep {
    uint256 private constant Q96 = 1 << 96;
    /// @dev Fees are in millionths.
    uint256 private constant ONE = 1e6;

    /// @notice Token 0 between two prices: L * (1/low - 1/high).
    function amount0(uint160 low, uint160 high, uint128 liquidity, Math.Rounding rounding)
        internal
        pure
        returns (uint256)
    {
        unchecked {
            if (low > high) (low, high) = (high, low);
            uint256 product = Math.mulDiv(uint256(liquidity) << 96, high - low, high, rounding);
            return rounding == Math.Rounding.Ceil ? Math.ceilDiv(product, low) : product / low;
        }
    }

    /// @notice Token 1 between two prices: L * (high - low).
    function amount1(uint160 low, uint160 high, uint128 liquidity, Math.Rounding rounding)
        internal
        pure
        returns (uint256)
    {
        unchecked {
            if (low > high) (low, high) = (high, low);
            return Math.mulDiv(liquidity, high - low, Q96, rounding);
        }
    }

    /// @notice Price after `amount` of token 0 (price falls) or token 1 (price rises) came in.
    function priceAfter(uint160 price, uint128 liquidity, uint256 amount, bool zeroForOne)
        internal
        pure
        returns (uint160)
    {
        if (zeroForOne) {
            // L*s / (L + dx*s), rounded up; when dx*s overflows, L / (L/s + dx).
            uint256 scaled = uint256(liquidity) << 96;
            unchecked {
                uint256 product = amount * price;
                if (product / amount == price && scaled + product >= scaled) {
                    return uint160(Math.mulDiv(scaled, price, scaled + product, Math.Rounding.Ceil));
                }
            }
            return uint160(Math.ceilDiv(scaled, scaled / price + amount));
        }
        uint256 rise = amount <= type(uint160).max ? (amount << 96) / liquidity : Math.mulDiv(amount, Q96, liquidity);
        return uint160(price + rise);
    }

    /// @notice One step of a swap of an exact input towards `target`.
    /// @return next the price reached, `paid` the input used without fee, `got` the output, `fee` the input kept as fee.
    function exactInput(uint160 price, uint160 target, uint128 liquidity, uint256 remaining, uint256 feeRate)
        internal
        pure
        returns (uint160 next, uint256 paid, uint256 got, uint256 fee)
    {
        bool zeroForOne = price >= target;
        uint256 afterFee = Math.mulDiv(remaining, ONE - feeRate, ONE);
        paid = zeroForOne
            ? amount0(target, price, liquidity, Math.Rounding.Ceil)
            : amount1(price, target, liquidity, Math.Rounding.Ceil);
        bool reached = afterFee >= paid;
        if (reached) {
            next = target;
            fee = Math.mulDiv(paid, feeRate, ONE - feeRate, Math.Rounding.Ceil);
        } else {
            next = priceAfter(price, liquidity, afterFee, zeroForOne);
            paid = zeroForOne
                ? amount0(next, price, liquidity, Math.Rounding.Ceil)
                : amount1(price, next, liquidity, Math.Rounding.Ceil);
            fee = remaining - paid;
        }
        got = zeroForOne
            ? amount1(next, price, liquidity, Math.Rounding.Floor)
            : amount0(price, next, liquidity, Math.Rounding.Floor);
    }
}
