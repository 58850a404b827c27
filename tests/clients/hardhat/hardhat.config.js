import { fileURLToPath } from "node:url";

export default {
  solidity: {
    version: "0.8.37",
    path: fileURLToPath(new URL("../node_modules/solc/soljson.js", import.meta.url)),
    settings: { evmVersion: "prague" },
  },
  networks: {
    chain: {
      type: "http",
      url: process.env.RPC_URL ?? "http://127.0.0.1:8545",
      // The nodes of a network hold nobody's keys: Hardhat signs itself, with the first of the well-known development keys.
      accounts:
        process.env.ON_NETWORK === "1"
          ? ["0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"]
          : "remote",
    },
  },
};
