import { fileURLToPath } from "node:url";

export default {
  solidity: {
    version: "0.8.37",
    path: fileURLToPath(new URL("../node_modules/solc/soljson.js", import.meta.url)),
    settings: { evmVersion: "prague" },
  },
  networks: {
    chain: { type: "http", url: process.env.RPC_URL ?? "http://127.0.0.1:8545", accounts: "remote" },
  },
};
