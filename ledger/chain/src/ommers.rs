//! Ommer validity (Yellow Paper §11.1).

use crate::{
    forks::{ChainSpec, ForkPoint},
    header::{HeaderError, Parent, validate_header},
};
use alloy_consensus::Header;
use alloy_hardforks::EthereumHardfork;
use alloy_primitives::B256;

/// Most ommers in a block.
pub const MAX_OMMERS: usize = 2;
/// How many ancestors of a block bear on its ommers.
pub const OMMER_ANCESTORS: usize = 7;

/// An ancestor of the block whose ommers are checked.
#[derive(Clone, Copy, Debug)]
pub struct Ancestor<'a> {
    /// Its hash.
    pub hash: B256,
    /// Its header.
    pub header: &'a Header,
    /// The ommers in its body.
    pub ommers: &'a [Header],
}

/// An ommer that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OmmerError {
    /// More than two.
    #[error("ommers: expected at most {MAX_OMMERS}, got {0}")]
    TooMany(usize),
    /// Ommers after the Merge (EIP-3675).
    #[error("ommers: expected none in {fork}, got {got}")]
    NotAllowed {
        /// The fork in force.
        fork: EthereumHardfork,
        /// Number of ommers.
        got: usize,
    },
    /// The same ommer twice, in this block or in an ancestor.
    #[error("ommer {0} is included already")]
    Duplicate(B256),
    /// A block of the chain itself.
    #[error("ommer {0} is an ancestor")]
    IsAncestor(B256),
    /// Its parent is not among the second to seventh ancestors.
    #[error(
        "ommer {hash} is no kin: its parent {parent} is not an ancestor of the second to seventh generation"
    )]
    NoKin {
        /// The ommer.
        hash: B256,
        /// Its parent.
        parent: B256,
    },
    /// Its header is invalid.
    #[error("ommer {hash}: {source}")]
    Header {
        /// The ommer.
        hash: B256,
        /// Why.
        source: HeaderError,
    },
}

/// Checks the ommers of a block at `point`.
///
/// `ancestors` are those of the block, its parent first; as many as exist of the last [`OMMER_ANCESTORS`], more are
/// ignored.
pub fn validate_ommers(
    spec: &ChainSpec,
    point: ForkPoint,
    ommers: &[Header],
    ancestors: &[Ancestor<'_>],
) -> Result<(), OmmerError> {
    if ommers.is_empty() {
        return Ok(());
    }
    let fork = spec.fork_at(point);
    if fork >= EthereumHardfork::Paris {
        return Err(OmmerError::NotAllowed { fork, got: ommers.len() });
    }
    if ommers.len() > MAX_OMMERS {
        return Err(OmmerError::TooMany(ommers.len()));
    }
    let ancestors = &ancestors[..ancestors.len().min(OMMER_ANCESTORS)];
    let mut included: Vec<B256> =
        ancestors.iter().flat_map(|ancestor| ancestor.ommers).map(Header::hash_slow).collect();
    for ommer in ommers {
        let hash = ommer.hash_slow();
        if included.contains(&hash) {
            return Err(OmmerError::Duplicate(hash));
        }
        included.push(hash);
        if ancestors.iter().any(|ancestor| ancestor.hash == hash) {
            return Err(OmmerError::IsAncestor(hash));
        }
        let kin = ancestors.iter().skip(1).find(|ancestor| ancestor.hash == ommer.parent_hash);
        let Some(kin) = kin else { return Err(OmmerError::NoKin { hash, parent: ommer.parent_hash }) };
        // The block itself comes before the Merge, so its ommers do: its parent's total difficulty may stand in
        // for the smaller one of the ommer's parent.
        let parent =
            Parent { header: kin.header, hash: kin.hash, total_difficulty: point.parent_total_difficulty };
        validate_header(spec, ommer, parent).map_err(|source| OmmerError::Header { hash, source })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::difficulty::next_difficulty;
    use alloy_consensus::EMPTY_OMMER_ROOT_HASH;

    fn child(parent: &Header, mark: u8) -> Header {
        let timestamp = parent.timestamp + 12;
        Header {
            parent_hash: parent.hash_slow(),
            number: parent.number + 1,
            timestamp,
            gas_limit: 1_000_000,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            difficulty: next_difficulty(EthereumHardfork::Homestead, parent, timestamp),
            extra_data: vec![mark].into(),
            ..Default::default()
        }
    }

    /// Eight ancestors, the parent first.
    fn chain() -> Vec<Header> {
        let genesis =
            Header { gas_limit: 1_000_000, ommers_hash: EMPTY_OMMER_ROOT_HASH, ..Default::default() };
        let mut chain = vec![genesis];
        for _ in 0..8 {
            chain.insert(0, child(&chain[0], 0));
        }
        chain
    }

    fn check(chain: &[Header], included: &[Header], ommers: &[Header]) -> Result<(), OmmerError> {
        let ancestors: Vec<_> = chain
            .iter()
            .enumerate()
            .map(|(age, header)| Ancestor {
                hash: header.hash_slow(),
                header,
                ommers: if age == 2 { included } else { &[] },
            })
            .collect();
        let spec = ChainSpec::at_fork("Homestead").unwrap();
        let point = ForkPoint::new(chain[0].number + 1, chain[0].timestamp + 12);
        validate_ommers(&spec, point, ommers, &ancestors)
    }

    #[test]
    fn kinship_reaches_from_the_second_to_the_seventh_ancestor() {
        let chain = chain();
        for (age, kin) in [(0, false), (1, true), (6, true), (7, false)] {
            let result = check(&chain, &[], &[child(&chain[age], 1)]);
            assert_eq!(result.is_ok(), kin, "{age}: {result:?}");
        }
    }

    #[test]
    fn an_ommer_is_included_once_and_is_no_ancestor() {
        let chain = chain();
        let (a, b, c) = (child(&chain[2], 1), child(&chain[3], 2), child(&chain[3], 3));
        check(&chain, &[], &[a.clone(), b.clone()]).unwrap();
        let twice = check(&chain, &[], &[a.clone(), a.clone()]);
        assert_eq!(twice, Err(OmmerError::Duplicate(a.hash_slow())));
        let again = check(&chain, std::slice::from_ref(&b), &[a.clone(), b.clone()]);
        assert_eq!(again, Err(OmmerError::Duplicate(b.hash_slow())));
        let ancestor = check(&chain, &[], &[chain[3].clone()]);
        assert_eq!(ancestor, Err(OmmerError::IsAncestor(chain[3].hash_slow())));
        assert_eq!(check(&chain, &[], &[a, b, c]), Err(OmmerError::TooMany(3)));
    }

    #[test]
    fn an_ommer_has_a_valid_header() {
        let chain = chain();
        let mut ommer = child(&chain[2], 1);
        ommer.gas_used = 1_000_001;
        assert!(matches!(check(&chain, &[], &[ommer]), Err(OmmerError::Header { .. })));
    }
}
