// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

contract Counter is ERC20("Count", "CNT") {
    event Increased(uint256 by);

    uint256 public count;

    function increase(uint256 by) external {
        require(by > 0, "increase: by must be positive");
        count += by;
        _mint(msg.sender, by);
        emit Increased(by);
    }
}
