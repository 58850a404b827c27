// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// An ERC-20 with two ways to fail.
contract Token is ERC20 {
    error TooMuch(uint256 asked, uint256 most);

    uint256 public constant MOST = 1000;

    constructor(uint256 supply) ERC20("Token", "TOK") {
        _mint(msg.sender, supply);
    }

    function burn(uint256 amount) external {
        if (amount > MOST) revert TooMuch(amount, MOST);
        _burn(msg.sender, amount);
    }

    function refuse() external pure {
        revert("refused, with a reason");
    }
}
