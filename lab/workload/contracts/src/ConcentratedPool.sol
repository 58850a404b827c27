// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SwapStep} from "./SwapStep.sol";
import {TickBitmap} from "./TickBitmap.sol";
import {TickPrice} from "./TickPrice.sol";

/// @notice Whoever swaps pays in this call.
interface ISwapCallback {
    /// @param delta0 owed to the pool if positive, received if negative
    function swapCallback(int256 delta0, int256 delta1, bytes calldata data) external;
}

/// @notice A market of two tokens whose liquidity lies in ranges of price.
///
/// It does what the well-known pools of this kind do at a swap: exact fixed-point price arithmetic, a bitmap of ticks,
/// fee growth inside and outside ranges, a price oracle, payment in a callback. It serves benchmark blocks: liquidity can be
/// added but not withdrawn, swaps name their input, and nobody should trust it with money.
contract ConcentratedPool {
    using SafeERC20 for IERC20;
    using TickBitmap for mapping(int16 => uint256);

    error Locked();
    error Initialized();
    error Ticks(int24 lower, int24 upper);
    error PriceLimit(uint160 limit);
    error NothingToSwap();
    error InsufficientPayment();

    event Mint(address indexed owner, int24 indexed lower, int24 indexed upper, uint128 liquidity, uint256, uint256);
    event Swap(
        address indexed sender,
        address indexed recipient,
        int256 amount0,
        int256 amount1,
        uint160 price,
        uint128 liquidity,
        int24 tick
    );

    struct Slot0 {
        uint160 price;
        int24 tick;
        uint16 observation;
        uint16 observations;
        bool unlocked;
    }

    struct Tick {
        uint128 gross;
        int128 net;
        uint256 feeOutside0;
        uint256 feeOutside1;
    }

    struct Observation {
        uint32 time;
        int56 tickSum;
        uint160 secondsPerLiquidity;
        bool initialized;
    }

    struct Position {
        uint128 liquidity;
        uint256 feeInside0;
        uint256 feeInside1;
        uint128 owed0;
        uint128 owed1;
    }

    /// @dev What a swap carries from range to range.
    struct Progress {
        uint256 remaining;
        uint256 got;
        uint160 price;
        int24 tick;
        uint128 liquidity;
        uint256 feeGrowth;
    }

    IERC20 public immutable token0;
    IERC20 public immutable token1;
    uint24 public immutable fee;
    int24 public immutable spacing;

    Slot0 public slot0;
    /// @notice Fees per unit of liquidity ever taken, Q128, wrapping.
    uint256 public feeGrowth0;
    uint256 public feeGrowth1;
    uint128 public liquidity;
    mapping(int24 => Tick) public ticks;
    mapping(int16 => uint256) public bitmap;
    mapping(bytes32 => Position) public positions;
    Observation[65535] public oracle;

    constructor(IERC20 token0_, IERC20 token1_, uint24 fee_, int24 spacing_) {
        token0 = token0_;
        token1 = token1_;
        fee = fee_;
        spacing = spacing_;
    }

    modifier locked() {
        if (!slot0.unlocked) revert Locked();
        slot0.unlocked = false;
        _;
        slot0.unlocked = true;
    }

    function initialize(uint160 price, uint16 observations) external {
        if (slot0.price != 0) revert Initialized();
        slot0 = Slot0(price, TickPrice.tickOf(price), 0, observations, true);
        oracle[0] = Observation(uint32(block.timestamp), 0, 0, true);
        // A used place costs less to write than a fresh one: pools that trade have long gone round.
        for (uint256 i = 1; i < observations; ++i) oracle[i].time = 1;
    }

    /// @notice Adds liquidity to a range, for tokens that the caller has approved.
    function mint(int24 lower, int24 upper, uint128 amount) external locked returns (uint256 paid0, uint256 paid1) {
        if (lower >= upper || lower % spacing != 0 || upper % spacing != 0) revert Ticks(lower, upper);
        (uint160 price, int24 tick) = (slot0.price, slot0.tick);
        _addToTick(lower, tick, amount, int128(amount));
        _addToTick(upper, tick, amount, -int128(amount));
        _addToPosition(lower, upper, tick, amount);
        (uint160 low, uint160 high) = (TickPrice.at(lower), TickPrice.at(upper));
        uint160 current = price < low ? low : price > high ? high : price;
        paid0 = SwapStep.amount0(current, high, amount, Math.Rounding.Ceil);
        paid1 = SwapStep.amount1(low, current, amount, Math.Rounding.Ceil);
        if (tick >= lower && tick < upper) liquidity += amount;
        if (paid0 > 0) token0.safeTransferFrom(msg.sender, address(this), paid0);
        if (paid1 > 0) token1.safeTransferFrom(msg.sender, address(this), paid1);
        emit Mint(msg.sender, lower, upper, amount, paid0, paid1);
    }

    /// @notice Swaps up to `amountIn` until the price reaches `limit`.
    /// @return amount0 paid to the pool if positive, paid out if negative; `amount1` likewise
    function swap(address recipient, bool zeroForOne, uint256 amountIn, uint160 limit, bytes calldata data)
        external
        returns (int256 amount0, int256 amount1)
    {
        if (amountIn == 0) revert NothingToSwap();
        Slot0 memory start = slot0;
        if (!start.unlocked) revert Locked();
        if (
            zeroForOne
                ? limit >= start.price || limit < TickPrice.MIN_PRICE
                : limit <= start.price || limit > TickPrice.MAX_PRICE
        ) revert PriceLimit(limit);
        slot0.unlocked = false;

        uint128 startLiquidity = liquidity;
        Progress memory p = Progress({
            remaining: amountIn,
            got: 0,
            price: start.price,
            tick: start.tick,
            liquidity: startLiquidity,
            feeGrowth: zeroForOne ? feeGrowth0 : feeGrowth1
        });
        while (p.remaining != 0 && p.price != limit) _step(p, zeroForOne, limit);

        if (p.tick != start.tick) {
            uint16 observation = _observe(start, startLiquidity);
            (slot0.price, slot0.tick, slot0.observation) = (p.price, p.tick, observation);
        } else {
            slot0.price = p.price;
        }
        if (p.liquidity != startLiquidity) liquidity = p.liquidity;
        if (zeroForOne) feeGrowth0 = p.feeGrowth;
        else feeGrowth1 = p.feeGrowth;

        int256 paid = int256(amountIn - p.remaining);
        int256 got = -int256(p.got);
        (amount0, amount1) = zeroForOne ? (paid, got) : (got, paid);
        (IERC20 tokenIn, IERC20 tokenOut) = zeroForOne ? (token0, token1) : (token1, token0);
        if (p.got > 0) tokenOut.safeTransfer(recipient, p.got);
        uint256 before = tokenIn.balanceOf(address(this));
        ISwapCallback(msg.sender).swapCallback(amount0, amount1, data);
        if (tokenIn.balanceOf(address(this)) < before + uint256(paid)) revert InsufficientPayment();
        emit Swap(msg.sender, recipient, amount0, amount1, p.price, p.liquidity, p.tick);
        slot0.unlocked = true;
    }

    /// @dev Swaps within one range, and crosses into the next one if its edge is reached.
    function _step(Progress memory p, bool zeroForOne, uint160 limit) private {
        unchecked {
            uint160 from = p.price;
            (int24 edge, bool marked) = bitmap.next(p.tick, spacing, zeroForOne);
            if (edge < TickPrice.MIN_TICK) edge = TickPrice.MIN_TICK;
            else if (edge > TickPrice.MAX_TICK) edge = TickPrice.MAX_TICK;
            uint160 edgePrice = TickPrice.at(edge);
            uint160 target = (zeroForOne ? edgePrice < limit : edgePrice > limit) ? limit : edgePrice;
            (uint160 price, uint256 paid, uint256 got, uint256 taken) =
                SwapStep.exactInput(from, target, p.liquidity, p.remaining, fee);
            p.price = price;
            p.remaining -= paid + taken;
            p.got += got;
            if (p.liquidity > 0) p.feeGrowth += Math.mulDiv(taken, 1 << 128, p.liquidity);
            if (price == edgePrice) {
                if (marked) {
                    int128 net = zeroForOne
                        ? -_cross(edge, p.feeGrowth, feeGrowth1)
                        : _cross(edge, feeGrowth0, p.feeGrowth);
                    p.liquidity = uint128(int128(p.liquidity) + net);
                }
                p.tick = zeroForOne ? edge - 1 : edge;
            } else if (price != from) {
                p.tick = TickPrice.tickOf(price);
            }
        }
    }

    function _cross(int24 tick, uint256 growth0, uint256 growth1) private returns (int128) {
        unchecked {
            Tick storage t = ticks[tick];
            t.feeOutside0 = growth0 - t.feeOutside0;
            t.feeOutside1 = growth1 - t.feeOutside1;
            return t.net;
        }
    }

    /// @dev Notes the tick that held until now, once per block.
    function _observe(Slot0 memory start, uint128 held) private returns (uint16 index) {
        unchecked {
            Observation memory last = oracle[start.observation];
            uint32 elapsed = uint32(block.timestamp) - last.time;
            if (elapsed == 0) return start.observation;
            index = (start.observation + 1) % start.observations;
            oracle[index] = Observation({
                time: uint32(block.timestamp),
                tickSum: last.tickSum + int56(start.tick) * int56(uint56(elapsed)),
                secondsPerLiquidity: last.secondsPerLiquidity
                    + ((uint160(elapsed) << 128) / (held > 0 ? held : 1)),
                initialized: true
            });
        }
    }

    function _addToTick(int24 tick, int24 current, uint128 gross, int128 net) private {
        Tick storage t = ticks[tick];
        if (t.gross == 0) {
            bitmap.flip(tick, spacing);
            if (tick <= current) (t.feeOutside0, t.feeOutside1) = (feeGrowth0, feeGrowth1);
        }
        t.gross += gross;
        t.net += net;
    }

    function _addToPosition(int24 lower, int24 upper, int24 tick, uint128 amount) private {
        (uint256 inside0, uint256 inside1) = _feeInside(lower, upper, tick);
        Position storage position = positions[keccak256(abi.encodePacked(msg.sender, lower, upper))];
        unchecked {
            uint128 held = position.liquidity;
            position.owed0 += uint128(Math.mulDiv(inside0 - position.feeInside0, held, 1 << 128));
            position.owed1 += uint128(Math.mulDiv(inside1 - position.feeInside1, held, 1 << 128));
        }
        position.liquidity += amount;
        (position.feeInside0, position.feeInside1) = (inside0, inside1);
    }

    function _feeInside(int24 lower, int24 upper, int24 tick) private view returns (uint256 inside0, uint256 inside1) {
        unchecked {
            Tick storage low = ticks[lower];
            Tick storage high = ticks[upper];
            (inside0, inside1) = (feeGrowth0, feeGrowth1);
            if (tick < lower) {
                inside0 = low.feeOutside0 - high.feeOutside0;
                inside1 = low.feeOutside1 - high.feeOutside1;
            } else if (tick >= upper) {
                inside0 = high.feeOutside0 - low.feeOutside0;
                inside1 = high.feeOutside1 - low.feeOutside1;
            } else {
                inside0 -= low.feeOutside0 + high.feeOutside0;
                inside1 -= low.feeOutside1 + high.feeOutside1;
            }
        }
    }
}
