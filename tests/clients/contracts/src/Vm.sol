// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// What the tests and scripts ask of Foundry's machine.
interface Vm {
    function assume(bool condition) external pure;
    function envAddress(string calldata name) external view returns (address);
    function expectRevert(bytes calldata data) external;
    function startBroadcast() external;
    function stopBroadcast() external;
}

/// Foundry's machine, at the address where it is known to be.
abstract contract OnFoundry {
    bool public constant IS_TEST = true;
    bool public constant IS_SCRIPT = true;
    Vm internal constant vm = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);
}
