// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Token} from "../src/Token.sol";
import {OnFoundry} from "../src/Vm.sol";

/// Runs on a fork of the node: the token at TOKEN is the one that was deployed there.
contract ForkedTest is OnFoundry {
    function testTheDeployedTokenIsRead() public view {
        Token token = Token(vm.envAddress("TOKEN"));
        require(keccak256(bytes(token.symbol())) == keccak256("TOK"));
        require(token.totalSupply() > 0);
    }
}
