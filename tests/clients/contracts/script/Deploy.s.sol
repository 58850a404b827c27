// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Badge} from "../src/Badge.sol";
import {Token} from "../src/Token.sol";
import {OnFoundry} from "../src/Vm.sol";

contract Deploy is OnFoundry {
    function run() external {
        vm.startBroadcast();
        Token token = new Token(5_000);
        Badge badge = new Badge();
        badge.mint(msg.sender);
        token.transfer(address(0xbeef), 5);
        vm.stopBroadcast();
    }
}
