//! What logs a client asks for.

use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256};
use mundi_rpc_context::{Ctx, RpcError, code};
use mundi_state::LogFilter;
use serde::Deserialize;

/// A log has no more topics than this.
const MAX_TOPICS: usize = 4;
/// Most addresses of a query, and most topics at one position.
const MAX_TERMS: usize = 1000;

/// One or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Form {
    block_hash: Option<B256>,
    from_block: Option<BlockNumberOrTag>,
    to_block: Option<BlockNumberOrTag>,
    address: Option<OneOrMany<Address>>,
    topics: Option<Vec<Option<OneOrMany<Option<B256>>>>>,
}

/// Which blocks to look in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blocks {
    /// One, whichever height it has.
    Hash(B256),
    /// From one to another.
    Range(Option<BlockNumberOrTag>, Option<BlockNumberOrTag>),
}

/// What there is too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Excess {
    #[error("exceed max topics: a log has at most {MAX_TOPICS}")]
    Topics,
    #[error("exceed max addresses or topics per search position: {MAX_TERMS}")]
    Terms,
}

/// Which logs a client asks for.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Form")]
pub(crate) struct LogQuery {
    pub(crate) blocks: Blocks,
    /// By whom, and with which topics. The heights mean nothing.
    pub(crate) filter: LogFilter,
    /// Why it cannot be answered although it is of the right form.
    excess: Option<Excess>,
}

impl TryFrom<Form> for LogQuery {
    type Error = &'static str;

    fn try_from(form: Form) -> Result<Self, Self::Error> {
        let Form { block_hash, from_block, to_block, address, topics } = form;
        let blocks = match block_hash {
            Some(_) if from_block.is_some() || to_block.is_some() => {
                return Err("cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other");
            }
            Some(hash) => Blocks::Hash(hash),
            None => Blocks::Range(from_block, to_block),
        };
        let mut filter = LogFilter::new(0..=u64::MAX);
        filter.addresses = match address {
            None => Vec::new(),
            Some(OneOrMany::One(address)) => vec![address],
            Some(OneOrMany::Many(addresses)) => addresses,
        };
        let mut excess = (filter.addresses.len() > MAX_TERMS).then_some(Excess::Terms);
        for (position, wanted) in topics.into_iter().flatten().enumerate() {
            let Some(topics) = filter.topics.get_mut(position) else {
                debug_assert_eq!(position, MAX_TOPICS, "a filter has as many positions as a log has topics");
                excess = Some(Excess::Topics);
                break;
            };
            // An absent one among several matches whatever is there.
            *topics = match wanted {
                None | Some(OneOrMany::One(None)) => Vec::new(),
                Some(OneOrMany::One(Some(topic))) => vec![topic],
                Some(OneOrMany::Many(several)) => {
                    several.into_iter().collect::<Option<Vec<_>>>().unwrap_or_default()
                }
            };
            if topics.len() > MAX_TERMS {
                excess = Some(Excess::Terms);
            }
        }
        Ok(Self { blocks, filter, excess })
    }
}

impl LogQuery {
    /// Refuses queries that ask for too many things at once.
    pub(crate) fn check(&self) -> Result<(), RpcError> {
        self.excess.map_or(Ok(()), |excess| Err(RpcError::invalid_input(excess.to_string())))
    }

    /// The same with the heights that are meant, as things stand. `None`: no blocks.
    pub(crate) fn resolve(&self, ctx: &Ctx) -> Result<LogFilter, RpcError> {
        self.check()?;
        let heights = match self.blocks {
            Blocks::Hash(hash) => {
                let block = ctx.block(BlockId::from(hash))?;
                let height =
                    block.ok_or_else(|| RpcError::invalid_input(format!("unknown block: {hash}")))?;
                let height = height.header.number;
                height..=height
            }
            Blocks::Range(from, to) => {
                let from = from.unwrap_or(BlockNumberOrTag::Latest);
                let to = to.unwrap_or(BlockNumberOrTag::Latest);
                if from.is_pending() || to.is_pending() {
                    return Err(RpcError::invalid_input("pending logs are not supported"));
                }
                let (from, to) = (ctx.height(from)?, ctx.height(to)?);
                check_range(ctx, from, to)?;
                from..=to
            }
        };
        Ok(LogFilter { heights, ..self.filter.clone() })
    }
}

fn check_range(ctx: &Ctx, from: u64, to: u64) -> Result<(), RpcError> {
    if from > to {
        let message = format!("invalid block range params: from {from} to {to}");
        return Err(RpcError::invalid_params(message));
    }
    let head = ctx.ledger.head().block.header.number;
    if to > head {
        let message = format!("block range extends beyond current head block: to {to}, head {head}");
        return Err(RpcError::invalid_params(message));
    }
    let most = ctx.limits.log_blocks;
    if to - from >= most {
        let message =
            format!("query exceeds max block range {most}: from {from} to {to}; ask for less at a time");
        return Err(RpcError::new(code::LIMIT, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json};

    fn query(value: Value) -> Result<LogQuery, serde_json::Error> {
        from_value(value)
    }

    #[test]
    fn all_forms_of_addresses_and_topics_are_understood() {
        let (address, topic) = (Address::repeat_byte(1), B256::repeat_byte(2));
        let parsed =
            query(json!({"address": address, "topics": [topic, null, [topic, topic], [null, topic]]}))
                .unwrap();
        assert_eq!(parsed.filter.addresses, [address]);
        assert_eq!(parsed.filter.topics, [vec![topic], vec![], vec![topic, topic], vec![]]);
        assert_eq!(parsed.blocks, Blocks::Range(None, None));
        let parsed = query(json!({"address": [address, address], "blockHash": topic, "more": 1})).unwrap();
        assert_eq!((parsed.filter.addresses.len(), parsed.blocks), (2, Blocks::Hash(topic)));
        assert!(query(json!({"address": null, "topics": null, "fromBlock": null})).unwrap().check().is_ok());
    }

    #[test]
    fn what_is_too_much_or_contradicts_itself_is_refused() {
        assert!(query(json!({"blockHash": B256::ZERO, "fromBlock": "0x1"})).is_err());
        assert!(query(json!({"fromBlock": "1"})).is_err());
        assert!(query(json!({"topics": [[], [], [], [], []]})).unwrap().check().is_err());
        let many = vec![Address::ZERO; MAX_TERMS + 1];
        assert!(query(json!({"address": many})).unwrap().check().is_err());
    }
}
