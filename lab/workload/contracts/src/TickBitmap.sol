// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice Which ticks hold liquidity, one bit for each tick that the spacing allows.
library TickBitmap {
    function flip(mapping(int16 => uint256) storage words, int24 tick, int24 spacing) internal {
        (int16 word, uint8 bit) = position(tick / spacing);
        words[word] ^= 1 << bit;
    }

    /// @notice The nearest marked tick in the same word, at or below (`down`) or above; the word's edge if there is none.
    function next(mapping(int16 => uint256) storage words, int24 tick, int24 spacing, bool down)
        internal
        view
        returns (int24, bool found)
    {
        unchecked {
            int24 index = tick / spacing;
            if (tick < 0 && tick % spacing != 0) --index;
            if (down) {
                (int16 word, uint8 bit) = position(index);
                uint256 marked = words[word] & (type(uint256).max >> (255 - bit));
                found = marked != 0;
                uint256 at = found ? Math.log2(marked) : 0;
                return ((index - int24(int256(uint256(bit) - at))) * spacing, found);
            } else {
                (int16 word, uint8 bit) = position(index + 1);
                uint256 marked = words[word] & (type(uint256).max << bit);
                found = marked != 0;
                uint256 at = found ? Math.log2(marked & (0 - marked)) : 255;
                return ((index + 1 + int24(int256(at - bit))) * spacing, found);
            }
        }
    }

    function position(int24 index) private pure returns (int16 word, uint8 bit) {
        unchecked {
            return (int16(index >> 8), uint8(uint24(index)));
        }
    }
}
