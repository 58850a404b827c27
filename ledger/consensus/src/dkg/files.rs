//! From a network's files to a ceremony, and from its outcome back into them.

use super::{Ceremony, DkgError, DkgOutcome, Participant};
use crate::{
    PublicKey,
    files::{NetworkFile, ValidatorFile},
};
use commonware_codec::{Copying, DecodeExt as _};

impl Ceremony {
    /// The ceremony of the validators that a network's public file names, for its genesis. The file has no group key yet,
    /// or the one that the ceremony made before.
    ///
    /// All validators are `required`, unless it says otherwise.
    pub fn of(network: &NetworkFile, attempt: u32, required: Option<usize>) -> Result<Self, DkgError> {
        let participants = network.validators.iter().map(|member| {
            let key = PublicKey::decode(Copying(member.public_key.as_slice()))
                .map_err(|_| DkgError::Key { name: member.name.clone(), key: member.public_key })?;
            Ok(Participant { name: member.name.clone(), key, address: member.address.clone() })
        });
        let ceremony = Self {
            network: network.genesis_hash.0,
            attempt,
            participants: participants.collect::<Result<_, DkgError>>()?,
            required: required.unwrap_or(network.validators.len()),
        };
        ceremony.check()?;
        Ok(ceremony)
    }
}

impl DkgOutcome {
    /// Puts the key into a network's public file and the share into the validator's secret one.
    ///
    /// A network keeps the key that it began with: files with another key or another share are left as they are.
    pub fn fill(&self, network: &mut NetworkFile, validator: &mut ValidatorFile) -> Result<(), DkgError> {
        let (key, polynomial, share) =
            (self.group_key.to_bytes(), self.encoded_sharing(), self.encoded_share());
        let fits = |present: &[u8], made: &[u8]| present.is_empty() || present == made;
        if !fits(&network.group_key, &key) || !fits(&network.polynomial, &polynomial) {
            return Err(DkgError::HasKey { file: "network's public file" });
        }
        if !fits(&validator.share, &share) {
            return Err(DkgError::HasKey { file: "validator's secret file" });
        }
        network.group_key = key.into();
        network.polynomial = polynomial.into();
        validator.share = share.into();
        Ok(())
    }
}
