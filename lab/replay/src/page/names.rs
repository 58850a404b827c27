//! Names of well-known mainnet contracts and methods, for people who do not read hexadecimal.

use alloy_primitives::{Address, keccak256};
use std::{collections::HashMap, str::FromStr};

/// What is known of a contract.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) name: &'static str,
    /// Slot of the mapping from account to token balance, for tokens.
    pub(crate) balances: Option<u8>,
}

/// Names by address and by method selector.
#[derive(Debug)]
pub(crate) struct Names {
    contracts: HashMap<Address, Known>,
    methods: HashMap<[u8; 4], &'static str>,
}

impl Names {
    /// The built-in names of Ethereum mainnet.
    pub(crate) fn mainnet() -> Self {
        let tokens = TOKENS.iter().map(|(address, name, slot)| (*address, *name, Some(*slot)));
        let others = CONTRACTS.iter().map(|(address, name)| (*address, *name, None));
        Self {
            contracts: tokens
                .chain(others)
                .filter_map(|(address, name, balances)| {
                    Some((Address::from_str(address).ok()?, Known { name, balances }))
                })
                .collect(),
            methods: METHODS
                .iter()
                .map(|signature| {
                    let [a, b, c, d, ..] = keccak256(signature).0;
                    ([a, b, c, d], signature.split('(').next().unwrap_or(signature))
                })
                .collect(),
        }
    }

    pub(crate) fn contract(&self, address: &Address) -> Option<Known> {
        self.contracts.get(address).copied()
    }

    pub(crate) fn method(&self, selector: [u8; 4]) -> Option<&'static str> {
        self.methods.get(&selector).copied()
    }
}

/// Tokens: checksummed address, symbol, slot of the balance mapping.
const TOKENS: &[(&str, &str, u8)] = &[
    ("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", "WETH", 3),
    ("0xdAC17F958D2ee523a2206206994597C13D831ec7", "USDT", 2),
    ("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "USDC", 9),
    ("0x6B175474E89094C44Da98b954EedeAC495271d0F", "DAI", 2),
    ("0x2260FAC5E5542a773Aa44fBCfeDf7C193bc2C599", "WBTC", 0),
    ("0x514910771AF9Ca656af840dff83E8264EcF986CA", "LINK", 1),
    ("0x1f9840a85d5aF5bf1D1762F925BDADdC4201F984", "UNI", 4),
    ("0x95aD61b0a150d79219dCF64E1E6Cc01f0B64C4cE", "SHIB", 0),
    ("0x6982508145454Ce325dDbE47a25d4ec3d2311933", "PEPE", 0),
    ("0x7f39C581F595B53c5cb19bD0b3f8dA6c935E2Ca0", "wstETH", 0),
    ("0x7D1AfA7B718fb893dB30A3aBc0Cfc608AaCfeBB0", "MATIC", 0),
];

/// Other contracts and accounts that stand out in blocks: checksummed address, name.
const CONTRACTS: &[(&str, &str)] = &[
    ("0xae7ab96520DE3A18E5e111B5EaAb095312D7fE84", "stETH"),
    ("0x9f8F72aA9304c8B593d555F12eF6589cC3A579A2", "MKR"),
    ("0xB8c77482e45F1F44dE1745F52C74426C631bDD52", "BNB token"),
    ("0x7a250d5630B4cF539739dF2C5dAcb4c659F2488D", "Uniswap v2 router"),
    ("0xf164fC0Ec4E93095b804a4795bBe1e041497b92a", "Uniswap v2 router 01"),
    ("0x5C69bEe701ef814a2B6a3EDD4B1652CB9cc5aA6f", "Uniswap v2 factory"),
    ("0xB4e16d0168e52d35CaCD2c6185b44281Ec28C9Dc", "Uniswap v2 USDC/WETH"),
    ("0x0d4a11d5EEaaC28EC3F61d100daF4d40471f1852", "Uniswap v2 WETH/USDT"),
    ("0xA478c2975Ab1Ea89e8196811F51A7B7Ade33eB11", "Uniswap v2 DAI/WETH"),
    ("0xE592427A0AEce92De3Edee1F18E0157C05861564", "Uniswap v3 router"),
    ("0x68b3465833fb72A70ecDF485E0e4C7bD8665Fc45", "Uniswap swap router 02"),
    ("0xEf1c6E67703c7BD7107eed8303Fbe6EC2554BF6B", "Uniswap universal router"),
    ("0x3fC91A3afd70395Cd496C647d5a6CC9D4B2b7FAD", "Uniswap universal router"),
    ("0x1F98431c8aD98523631AE4a59f267346ea31F984", "Uniswap v3 factory"),
    ("0x88e6A0c2dDD26FEEb64F039a2c41296FcB3f5640", "Uniswap v3 USDC/WETH 0.05%"),
    ("0x8ad599c3A0ff1De082011EFDDc58f1908eb6e6D8", "Uniswap v3 USDC/WETH 0.3%"),
    ("0x11b815efB8f581194ae79006d24E0d814B7697F6", "Uniswap v3 WETH/USDT 0.05%"),
    ("0x4e68Ccd3E89f51C3074ca5072bbAC773960dFa36", "Uniswap v3 WETH/USDT 0.3%"),
    ("0xC36442b4a4522E871399CD717aBDD847Ab11FE88", "Uniswap v3 positions"),
    ("0x000000000022D473030F116dDEE9F6B43aC78BA3", "Permit2"),
    ("0xd9e1cE17f2641f24aE83637ab66a2cca9C378B9F", "SushiSwap router"),
    ("0xDef1C0ded9bec7F1a1670819833240f027b25EfF", "0x exchange proxy"),
    ("0x1111111254fb6c44bAC0beD2854e76F90643097d", "1inch v4"),
    ("0x1111111254EEB25477B68fb85Ed929f73A960582", "1inch v5"),
    ("0x881D40237659C251811CEC9c364ef91dC08D300C", "MetaMask swaps"),
    ("0xBA12222222228d8Ba445958a75a0704d566BF2C8", "Balancer vault"),
    ("0xbEbc44782C7dB0a1A60Cb6fe97d0b483032FF1C7", "Curve 3pool"),
    ("0x7d2768dE32b0b80b7a3454c06BdAc94A69DDc7A9", "Aave v2 pool"),
    ("0x87870Bca3F3fD6335C3F4ce8392D69350B4fA4E2", "Aave v3 pool"),
    ("0x4Ddc2D193948926D02f9B1fE9e1daa0718270ED5", "Compound cETH"),
    ("0x7Be8076f4EA4A4AD08075C2508e481d6C946D12b", "OpenSea Wyvern"),
    ("0x00000000006c3852cbEf3e08E8dF289169EdE581", "Seaport 1.1"),
    ("0x00000000000000ADc04C56Bf30aC9d3c0aAF14dC", "Seaport 1.5"),
    ("0x000000000000Ad05Ccc4F10045630fb830B95127", "Blur"),
    ("0x06012c8cf97BEaD5deAe237070F9587f8E7A266d", "CryptoKitties"),
    ("0xb1690C08E213a35Ed9bAb7B318DE14420FB57d8C", "CryptoKitties sale auction"),
    ("0x8d12A197cB00D4747a1fe03395095ce2A5CC6819", "EtherDelta"),
    ("0x2a0c0DBEcC7E4D658f48E01e3fA353F44050c208", "IDEX"),
    ("0xBB9bc244D798123fDe783fCc1C72d3Bb8C189413", "The DAO"),
    ("0x00000000219ab540356cBB839Cbe05303d7705Fa", "beacon deposit contract"),
    ("0x000F3df6D732807Ef1319fB7B8bB8522d0Beac02", "beacon roots (EIP-4788)"),
    ("0x0000F90827F1C53a10cb7A02335B175320002935", "block hash history (EIP-2935)"),
    ("0x00000961Ef480Eb55e80D19ad83579A64c007002", "withdrawal requests (EIP-7002)"),
    ("0x0000BBdDc7CE488642fb579F8B00f3a590007251", "consolidation requests (EIP-7251)"),
    ("0x95222290DD7278Aa3Ddd389Cc1E1d165CC4BAfe5", "beaverbuild"),
    ("0x1f9090aaE28b8a3dCeaDf281B0F12828e676c326", "rsync-builder"),
    ("0x4838B106FCe9647Bdf1E7877BF73cE8B0BAD5f97", "Titan builder"),
    ("0xDAFEA492D9c6733ae3d56b7Ed1ADB60692c98Bc5", "Flashbots builder"),
    ("0x388C818CA8B9251b393131C08a736A67ccB19297", "Lido rewards vault"),
    ("0xEA674fdDe714fd979de3EdF0F56AA9716B898ec8", "Ethermine"),
    ("0x829BD824B016326A401d083B33D092293333A830", "F2Pool"),
    ("0x5A0b54D5dc17e0AadC383d2db43B0a0D3E029c4c", "Spark Pool"),
    ("0x28C6c06298d514Db089934071355E5743bf21d60", "Binance 14"),
    ("0x3f5CE5FBFe3E9af3971dD833D26bA9b5C936f0bE", "Binance"),
    ("0xD551234Ae421e3BCBA99A0Da6d736074f22192FF", "Binance 2"),
    ("0x564286362092D8e7936f0549571a803B203aAceD", "Binance 3"),
    ("0x0681d8Db095565FE8A346fA0277bFfdE9C0eDBBF", "Binance 4"),
];

/// Signatures of frequent methods.
const METHODS: &[&str] = &[
    "transfer(address,uint256)",
    "approve(address,uint256)",
    "transferFrom(address,address,uint256)",
    "safeTransferFrom(address,address,uint256)",
    "setApprovalForAll(address,bool)",
    "mint(uint256)",
    "mint(address,uint256)",
    "claim()",
    "deposit()",
    "withdraw(uint256)",
    "multicall(bytes[])",
    "multicall(uint256,bytes[])",
    "execute(bytes,bytes[],uint256)",
    "execute(bytes,bytes[])",
    "swap(uint256,uint256,address,bytes)",
    "exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))",
    "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)",
    "swapTokensForExactTokens(uint256,uint256,address[],address,uint256)",
    "swapExactETHForTokens(uint256,address[],address,uint256)",
    "swapETHForExactTokens(uint256,address[],address,uint256)",
    "swapExactTokensForETH(uint256,uint256,address[],address,uint256)",
    "swapTokensForExactETH(uint256,uint256,address[],address,uint256)",
    "swapExactTokensForTokensSupportingFeeOnTransferTokens(uint256,uint256,address[],address,uint256)",
    "swapExactETHForTokensSupportingFeeOnTransferTokens(uint256,address[],address,uint256)",
    "swapExactTokensForETHSupportingFeeOnTransferTokens(uint256,uint256,address[],address,uint256)",
    "addLiquidityETH(address,uint256,uint256,uint256,address,uint256)",
    "bid(uint256)",
    "giveBirth(uint256)",
    "breedWithAuto(uint256,uint256)",
    "createSaleAuction(uint256,uint256,uint256,uint256)",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_carries_its_checksum_and_appears_once() {
        let addresses = TOKENS.iter().map(|(a, ..)| *a).chain(CONTRACTS.iter().map(|(a, _)| *a));
        let mut count = 0;
        for address in addresses {
            Address::parse_checksummed(address, None).unwrap_or_else(|error| panic!("{address}: {error}"));
            count += 1;
        }
        assert_eq!(Names::mainnet().contracts.len(), count);
    }

    #[test]
    fn methods_are_found_by_selector() {
        let names = Names::mainnet();
        assert_eq!(names.method([0xa9, 0x05, 0x9c, 0xbb]), Some("transfer"));
        assert_eq!(names.method([0x38, 0xed, 0x17, 0x39]), Some("swapExactTokensForTokens"));
        assert_eq!(names.method([0, 0, 0, 1]), None);
    }
}
