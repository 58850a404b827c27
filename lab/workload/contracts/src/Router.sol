// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";
import {ConcentratedPool, ISwapCallback} from "./ConcentratedPool.sol";
import {ConstantProductPair} from "./ConstantProductPair.sol";
import {TickPrice} from "./TickPrice.sol";

/// @notice What users call: checks deadline and least output, moves their tokens, and computes the address of a market
/// from its number, as CREATE2 by `factory` would give it.
contract Router is ISwapCallback {
    using SafeERC20 for IERC20;

    /// @dev `market` is the number of a pair or pool.
    struct Order {
        uint256 market;
        bool zeroForOne;
        uint256 amountIn;
        uint256 least;
        address to;
        uint256 deadline;
    }

    error Expired(uint256 deadline);
    error TooLittle(uint256 got, uint256 least);
    error NotAPool(address caller);

    address private immutable factory;
    bytes32 private immutable pairCodeHash;
    bytes32 private immutable poolCodeHash;
    IERC20 private immutable token0;
    IERC20 private immutable token1;

    constructor(address factory_, bytes32 pairCodeHash_, bytes32 poolCodeHash_, IERC20 token0_, IERC20 token1_) {
        factory = factory_;
        pairCodeHash = pairCodeHash_;
        poolCodeHash = poolCodeHash_;
        token0 = token0_;
        token1 = token1_;
    }

    modifier before(uint256 deadline) {
        if (block.timestamp > deadline) revert Expired(deadline);
        _;
    }

    /// @notice Swaps on a constant-product pair.
    function swapConstantProduct(Order calldata order) external before(order.deadline) returns (uint256 got) {
        ConstantProductPair pair = ConstantProductPair(_market(order.market, pairCodeHash));
        got = _quote(pair, order);
        if (got < order.least) revert TooLittle(got, order.least);
        (order.zeroForOne ? token0 : token1).safeTransferFrom(msg.sender, address(pair), order.amountIn);
        pair.swap(order.zeroForOne ? 0 : got, order.zeroForOne ? got : 0, order.to);
    }

    /// @notice Swaps on a concentrated-liquidity pool.
    function swapConcentrated(Order calldata order) external before(order.deadline) returns (uint256 got) {
        (int256 amount0, int256 amount1) = ConcentratedPool(_market(order.market, poolCodeHash)).swap(
            order.to,
            order.zeroForOne,
            order.amountIn,
            order.zeroForOne ? TickPrice.MIN_PRICE + 1 : TickPrice.MAX_PRICE - 1,
            abi.encode(order.market, msg.sender)
        );
        got = uint256(-(order.zeroForOne ? amount1 : amount0));
        if (got < order.least) revert TooLittle(got, order.least);
    }

    function swapCallback(int256 delta0, int256 delta1, bytes calldata data) external {
        (uint256 number, address payer) = abi.decode(data, (uint256, address));
        if (msg.sender != _market(number, poolCodeHash)) revert NotAPool(msg.sender);
        if (delta0 > 0) token0.safeTransferFrom(payer, msg.sender, uint256(delta0));
        else token1.safeTransferFrom(payer, msg.sender, uint256(delta1));
    }

    function _quote(ConstantProductPair pair, Order calldata order) private view returns (uint256) {
        (uint256 reserve0, uint256 reserve1,) = pair.reserves();
        (uint256 reserveIn, uint256 reserveOut) = order.zeroForOne ? (reserve0, reserve1) : (reserve1, reserve0);
        uint256 afterFee = order.amountIn * 997;
        return afterFee * reserveOut / (reserveIn * 1000 + afterFee);
    }

    function _market(uint256 number, bytes32 codeHash) private view returns (address) {
        return Create2.computeAddress(bytes32(number), codeHash, factory);
    }
}
