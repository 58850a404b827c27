// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {TickPrice} from "./TickPrice.sol";

/// @notice Makes the price arithmetic callable, for tests.
contract TickPriceProbe {
    function at(int24 tick) external pure returns (uint160) {
        return TickPrice.at(tick);
    }

    function tickOf(uint160 price) external pure returns (int24) {
        return TickPrice.tickOf(price);
    }
}
