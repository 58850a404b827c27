// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Token} from "../src/Token.sol";
import {OnFoundry} from "../src/Vm.sol";

contract TokenTest is OnFoundry {
    Token token;

    function setUp() public {
        token = new Token(1_000_000);
    }

    function testTransfer() public {
        token.transfer(address(1), 7);
        require(token.balanceOf(address(1)) == 7);
    }

    function testFuzzTransferKeepsTheSupply(address to, uint256 amount) public {
        vm.assume(to != address(0) && amount <= 1_000_000);
        token.transfer(to, amount);
        require(token.totalSupply() == 1_000_000);
    }

    function testBurnTooMuch() public {
        vm.expectRevert(abi.encodeWithSelector(Token.TooMuch.selector, 1001, 1000));
        token.burn(1001);
    }
}
