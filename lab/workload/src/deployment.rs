//! Puts the contracts in place, once per world, by running their constructors.

use crate::contracts::{self, Order, Word, call, words};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, keccak256};
use revm::{
    Context, ExecuteCommitEvm, MainBuilder, MainContext, MainnetEvm,
    context::{BlockEnv, CfgEnv, TxEnv},
    database::InMemoryDB,
    handler::MainnetContext,
    primitives::hardfork::SpecId,
    state::AccountInfo,
};

/// Who deploys, and holds what nobody else was given.
pub(crate) const DEPLOYER: Address = address!("0xd0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0");
/// Under whose name the addresses of markets are computed (EIP-1014).
const FACTORY: Address = address!("0xfac70fac70fac70fac70fac70fac70fac70fac70");
/// Units of each token: 10¹⁵ of 10¹⁸ units, well within the pair's 112 bits.
pub(crate) const SUPPLY: u128 = 1_000_000_000_000_000 * TOKEN;
/// Units in one token.
pub(crate) const TOKEN: u128 = 1_000_000_000_000_000_000;

/// Fee of the concentrated pools in millionths, and the spacing of their ticks.
const POOL_FEE: (u32, i32) = (3_000, 60);
/// Square root of the price at which pools open, in Q64.96: a price close to 2, in the middle of a tick.
const OPENING_PRICE: u128 = 112_043_758_436_857_491_039_821_246_310;
/// Places in a pool's price oracle.
const OBSERVATIONS: u32 = 4;
/// Ranges of a pool's liquidity, as lower tick, upper tick, liquidity in tokens. The price stands at tick 6931.
const RANGES: [(i32, i32, u128); 4] =
    [(-60_000, 72_000, 20_000), (-5_040, 18_960, 60_000), (6_720, 7_140, 100_000), (6_900, 6_960, 50_000)];
/// Trades at the opening, as direction and tokens put in: up over all inner ticks of the pool, down over all of
/// them, and back to where it opened.
const OPENING_TRADES: [(bool, u128); 3] = [(false, 3_000), (true, 3_000), (false, 2_950)];
/// Reserves of a pair, in tokens.
const RESERVES: (u128, u128) = (100_000, 200_000);

/// The contracts of a world, ready to be copied into its state.
#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    pub(crate) token0: Contract,
    pub(crate) token1: Contract,
    pub(crate) router: Contract,
    pub(crate) pair: Market,
    pub(crate) pool: Market,
}

/// A contract as it stands after deployment.
#[derive(Clone, Debug)]
pub struct Contract {
    /// Where it is.
    pub address: Address,
    /// Its code.
    pub code: Bytes,
    /// Its storage, in ascending order of slots.
    pub storage: Vec<(U256, U256)>,
}

/// A kind of market. Its copies share code and storage and differ in address alone.
#[derive(Clone, Debug)]
pub(crate) struct Market {
    /// The first one.
    pub(crate) first: Contract,
    init_code_hash: B256,
    /// Units of the two tokens that each one holds.
    pub(crate) held: (U256, U256),
}

impl Market {
    /// Address of the market with this number.
    pub(crate) fn address(&self, number: u64) -> Address {
        market_address(number, self.init_code_hash)
    }
}

fn market_address(number: u64, init_code_hash: B256) -> Address {
    FACTORY.create2(B256::from(U256::from(number)), init_code_hash)
}

impl Deployment {
    /// Runs all constructors, fills the first pair and the first pool with liquidity and trades on both in both
    /// directions, so that no slot is written for the first time later. `timestamp` is the time at which this happens.
    pub(crate) fn new(timestamp: u64) -> Self {
        let mut machine = Machine::new(timestamp);
        let supply = U256::from(SUPPLY);
        let [token0, token1] = [*b"ALFA", *b"BETA"].map(|symbol| {
            let mut code = contracts::token();
            code.extend(token_arguments(symbol, supply));
            machine.create(code)
        });

        let mut pair_code = contracts::pair();
        pair_code.extend(words(&[&token0, &token1]));
        let mut pool_code = contracts::pool();
        pool_code.extend(words(&[&token0, &token1, &U256::from(POOL_FEE.0), &POOL_FEE.1]));
        let (pair_hash, pool_hash) = (keccak256(&pair_code), keccak256(&pool_code));
        let mut router_code = contracts::router();
        router_code.extend(words(&[&FACTORY, &pair_hash, &pool_hash, &token0, &token1]));
        let router = machine.create(router_code);
        let pair = machine.create_at(pair_code, market_address(0, pair_hash));
        let pool = machine.create_at(pool_code, market_address(0, pool_hash));

        for token in [token0, token1] {
            for spender in [router, pool] {
                machine.call(token, call("approve(address,uint256)", &[&spender, &U256::MAX]));
            }
        }
        for (token, tokens) in [(token0, RESERVES.0), (token1, RESERVES.1)] {
            let amount = U256::from(tokens * TOKEN);
            machine.call(token, call("transfer(address,uint256)", &[&pair, &amount]));
        }
        machine.call(pair, call("mint(address)", &[&DEPLOYER]));
        let opening = [&U256::from(OPENING_PRICE) as &dyn Word, &U256::from(OBSERVATIONS)];
        machine.call(pool, call("initialize(uint160,uint16)", &opening));
        for (lower, upper, tokens) in RANGES {
            let liquidity = U256::from(tokens * TOKEN);
            machine.call(pool, call("mint(int24,int24,uint128)", &[&lower, &upper, &liquidity]));
        }
        for (zero_for_one, tokens) in OPENING_TRADES {
            for function in ["swapConstantProduct", "swapConcentrated"] {
                let order = Order {
                    market: 0,
                    zero_for_one,
                    amount_in: U256::from(tokens * TOKEN),
                    least: U256::ONE,
                    to: DEPLOYER,
                    deadline: timestamp,
                };
                machine.call(router, order.data(function));
            }
        }

        let held = |machine: &mut Machine, owner: Address| {
            let [held0, held1] = [token0, token1].map(|token| {
                let output = machine.call(token, call("balanceOf(address)", &[&owner]));
                U256::from_be_slice(&output)
            });
            (held0, held1)
        };
        let (pair_held, pool_held) = (held(&mut machine, pair), held(&mut machine, pool));
        Self {
            token0: machine.contract(token0),
            token1: machine.contract(token1),
            router: machine.contract(router),
            pair: Market { first: machine.contract(pair), init_code_hash: pair_hash, held: pair_held },
            pool: Market { first: machine.contract(pool), init_code_hash: pool_hash, held: pool_held },
        }
    }
}

/// Constructor arguments of the token: two strings of four letters and the supply.
fn token_arguments(symbol: [u8; 4], supply: U256) -> Vec<u8> {
    let mut text = B256::ZERO;
    text.0[..4].copy_from_slice(&symbol);
    let four = U256::from(4);
    words(&[&U256::from(96), &U256::from(160), &supply, &four, &text, &four, &text])
}

/// A revm with a database of its own, that only [`DEPLOYER`] uses.
pub(crate) struct Machine {
    evm: MainnetEvm<MainnetContext<InMemoryDB>>,
    nonce: u64,
}

impl Machine {
    pub(crate) fn new(timestamp: u64) -> Self {
        let block = BlockEnv {
            timestamp: U256::from(timestamp),
            gas_limit: u64::MAX,
            basefee: 0,
            ..BlockEnv::default()
        };
        let context = Context::mainnet()
            .with_db(InMemoryDB::default())
            .with_cfg(CfgEnv::new_with_spec(SpecId::PRAGUE))
            .with_block(block);
        Self { evm: context.build_mainnet(), nonce: 0 }
    }

    fn transact(&mut self, kind: TxKind, data: Bytes) -> (Option<Address>, Bytes) {
        let tx = TxEnv {
            caller: DEPLOYER,
            gas_limit: 30_000_000,
            kind,
            data,
            nonce: self.nonce,
            chain_id: Some(1),
            ..TxEnv::default()
        };
        self.nonce += 1;
        let result = self.evm.transact_commit(tx).expect("a transaction of the deployer is valid");
        assert!(
            result.is_success(),
            "the contracts and the order of their deployment belong together: {result:?}"
        );
        (result.created_address(), result.into_output().unwrap_or_default())
    }

    pub(crate) fn create(&mut self, code: Vec<u8>) -> Address {
        let (created, _) = self.transact(TxKind::Create, code.into());
        created.expect("a successful creation has an address")
    }

    /// Runs a constructor and puts the code it returns at `address`. The constructors of markets write no storage,
    /// only immutables, which lie in the code.
    fn create_at(&mut self, code: Vec<u8>, address: Address) -> Address {
        let created = self.create(code);
        let database = &mut self.evm.ctx.journaled_state.database;
        let mut account = database.cache.accounts[&created].clone();
        account.info = AccountInfo { nonce: 1, ..account.info };
        database.cache.accounts.insert(address, account);
        address
    }

    pub(crate) fn call(&mut self, to: Address, data: Bytes) -> Bytes {
        self.transact(TxKind::Call(to), data).1
    }

    fn contract(&self, address: Address) -> Contract {
        let cache = &self.evm.ctx.journaled_state.database.cache;
        let account = &cache.accounts[&address];
        let code = cache.contracts[&account.info.code_hash].original_bytes();
        let mut storage: Vec<_> = account
            .storage
            .iter()
            .map(|(slot, value)| (*slot, *value))
            .filter(|(_, value)| !value.is_zero())
            .collect();
        storage.sort_unstable();
        Contract { address, code, storage }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::{allowance_slot, balance_slot};

    #[test]
    fn balances_and_allowances_lie_where_the_layout_says() {
        let deployment = Deployment::new(1_000_000);
        let find = |contract: &Contract, slot| {
            contract.storage.iter().find(|(s, _)| *s == slot).map(|(_, value)| *value)
        };
        let pair = deployment.pair.first.address;
        assert_eq!(find(&deployment.token0, balance_slot(pair)), Some(deployment.pair.held.0));
        let router = deployment.router.address;
        assert_eq!(find(&deployment.token1, allowance_slot(DEPLOYER, router)), Some(U256::MAX));
    }

    #[test]
    fn tick_prices_are_exact_at_the_edges_and_inverse_to_each_other() {
        let mut machine = Machine::new(1_000_000);
        let probe = machine.create(contracts::tick_price_probe());
        let mut at = |tick: i32| U256::from_be_slice(&machine.call(probe, call("at(int24)", &[&tick])));
        assert_eq!(at(0), U256::ONE << 96);
        assert_eq!(at(-887_272), U256::from(4_295_128_739_u64));
        assert_eq!(at(887_272).to_string(), "1461446703485210103287273052203988822378723970342");
        let samples: Vec<i32> =
            (-887_272..887_272).step_by(18_701).chain([-1, 0, 1, 6_931, 887_271]).collect();
        let prices: Vec<(i32, U256)> = samples.into_iter().map(|tick| (tick, at(tick))).collect();
        for (tick, price) in prices {
            let exact = 1.0001_f64.powf(f64::from(tick) / 2.0) * 2_f64.powi(96);
            let relative = f64::from(price) / exact - 1.0;
            assert!(relative.abs() < 1e-9, "tick {tick}: off by {relative}");
            let mut tick_of = |price: U256| machine.call(probe, call("tickOf(uint160)", &[&price]));
            assert_eq!(tick_of(price)[28..], tick.to_be_bytes());
            assert_eq!(tick_of(price + U256::ONE)[28..], tick.to_be_bytes());
            if tick > -887_272 {
                assert_eq!(tick_of(price - U256::ONE)[28..], (tick - 1).to_be_bytes());
            }
        }
    }
}
