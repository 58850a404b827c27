// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice A market of two tokens that keeps the product of its reserves: x * y = k, 0.3 % fee.
///
/// It does what the well-known pairs of this kind do at a swap, read by read and write by write: a lock,
/// packed reserves, time-weighted price sums, payment checked by balance. It serves benchmark blocks: liquidity can be
/// added but not withdrawn, and nobody should trust it with money.
contract ConstantProductPair is ERC20 {
    using SafeERC20 for IERC20;

    error Locked();
    error InsufficientLiquidity();
    error InsufficientPayment();
    error Overflow();

    event Mint(address indexed sender, uint256 amount0, uint256 amount1);
    event Swap(
        address indexed sender,
        uint256 amount0In,
        uint256 amount1In,
        uint256 amount0Out,
        uint256 amount1Out,
        address indexed to
    );
    event Sync(uint112 reserve0, uint112 reserve1);

    IERC20 public immutable token0;
    IERC20 public immutable token1;

    uint112 private reserve0;
    uint112 private reserve1;
    uint32 private updatedAt;
    /// @notice Sum over seconds of the price of one token in the other, as Q112 numbers, wrapping.
    uint256 public price0Sum;
    uint256 public price1Sum;
    uint256 private lock = 1;

    constructor(IERC20 token0_, IERC20 token1_) ERC20("Constant product share", "CPS") {
        token0 = token0_;
        token1 = token1_;
    }

    modifier locked() {
        if (lock != 1) revert Locked();
        lock = 2;
        _;
        lock = 1;
    }

    function reserves() external view returns (uint112, uint112, uint32) {
        return (reserve0, reserve1, updatedAt);
    }

    /// @notice Mints shares for what was sent to this contract since its reserves were last noted.
    function mint(address to) external locked returns (uint256 shares) {
        (uint256 old0, uint256 old1) = (reserve0, reserve1);
        uint256 balance0 = token0.balanceOf(address(this));
        uint256 balance1 = token1.balanceOf(address(this));
        uint256 amount0 = balance0 - old0;
        uint256 amount1 = balance1 - old1;
        uint256 supply = totalSupply();
        shares = supply == 0
            ? Math.sqrt(amount0 * amount1)
            : Math.min(Math.mulDiv(amount0, supply, old0), Math.mulDiv(amount1, supply, old1));
        if (shares == 0) revert InsufficientLiquidity();
        _mint(to, shares);
        _note(balance0, balance1, old0, old1);
        emit Mint(msg.sender, amount0, amount1);
    }

    /// @notice Pays out; what was sent to this contract since its reserves were last noted must cover it.
    function swap(uint256 amount0Out, uint256 amount1Out, address to) external locked {
        (uint256 old0, uint256 old1) = (reserve0, reserve1);
        if (amount0Out + amount1Out == 0 || amount0Out >= old0 || amount1Out >= old1) {
            revert InsufficientLiquidity();
        }
        if (amount0Out > 0) token0.safeTransfer(to, amount0Out);
        if (amount1Out > 0) token1.safeTransfer(to, amount1Out);
        uint256 balance0 = token0.balanceOf(address(this));
        uint256 balance1 = token1.balanceOf(address(this));
        uint256 amount0In = balance0 > old0 - amount0Out ? balance0 + amount0Out - old0 : 0;
        uint256 amount1In = balance1 > old1 - amount1Out ? balance1 + amount1Out - old1 : 0;
        if (amount0In + amount1In == 0) revert InsufficientPayment();
        if ((balance0 * 1000 - amount0In * 3) * (balance1 * 1000 - amount1In * 3) < old0 * old1 * 1_000_000) {
            revert InsufficientPayment();
        }
        _note(balance0, balance1, old0, old1);
        emit Swap(msg.sender, amount0In, amount1In, amount0Out, amount1Out, to);
    }

    function _note(uint256 balance0, uint256 balance1, uint256 old0, uint256 old1) private {
        if (balance0 > type(uint112).max || balance1 > type(uint112).max) revert Overflow();
        unchecked {
            uint32 elapsed = uint32(block.timestamp) - updatedAt;
            if (elapsed > 0 && old0 != 0 && old1 != 0) {
                price0Sum += ((old1 << 112) / old0) * elapsed;
                price1Sum += ((old0 << 112) / old1) * elapsed;
            }
        }
        reserve0 = uint112(balance0);
        reserve1 = uint112(balance1);
        updatedAt = uint32(block.timestamp);
        emit Sync(uint112(balance0), uint112(balance1));
    }
}
