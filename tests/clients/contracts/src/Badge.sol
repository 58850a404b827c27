// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";

/// An ERC-721 that everybody may mint.
contract Badge is ERC721 {
    uint256 public minted;

    constructor() ERC721("Badge", "BDG") {}

    function mint(address to) external returns (uint256 id) {
        id = ++minted;
        _safeMint(to, id);
    }
}
