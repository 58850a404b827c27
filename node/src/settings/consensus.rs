//! Who orders, as far as settings say.

use super::{Settings, SettingsError, Source, kind};
use crate::{DataDir, FollowOrdering, Ordering, ValidatorOrdering};
use alloy_primitives::Address;
use mundi_consensus::{Committee, FileError, GroupKey, NetworkFile, ValidatorFile};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// What only a node that orders alone can be told: of the others' blocks everything is agreed.
const ALONE: [&str; 7] = [
    "blocks.mine",
    "blocks.interval",
    "blocks.pace",
    "blocks.gas_limit",
    "blocks.beneficiary",
    "blocks.extra_data",
    "blocks.transactions",
];

/// A node's part in ordering.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is one, and it is read once")]
pub(super) enum Role {
    /// It orders alone.
    Alone,
    /// It orders with others.
    Validator {
        /// The file of the network.
        network: PathBuf,
        /// The file with its secrets.
        secrets: PathBuf,
        /// Where it listens.
        listen: Option<SocketAddr>,
        /// Who gets its fees.
        beneficiary: Address,
    },
    /// It takes what others have ordered.
    Follower {
        /// From whom.
        upstreams: Vec<String>,
        /// The network's key, from the settings.
        group_key: Option<GroupKey>,
        /// The file of the network, which has the key too.
        network: Option<PathBuf>,
    },
}

impl Settings {
    /// Who orders. Reads the files that are named, so that what is wrong with them is said before anything is opened.
    pub(super) fn ordering(&self, folder: &DataDir) -> Result<Ordering, SettingsError> {
        match self.role()? {
            Role::Alone => Ok(Ordering::Solo(self.solo())),
            Role::Validator { network, secrets, listen, beneficiary } => {
                let (network, _) = read_network(&network)?;
                let wrong = |error| contradiction(&format!("consensus.validator: {error}"));
                let secrets = ValidatorFile::read(&secrets).map_err(wrong)?;
                secrets.share().map_err(wrong)?;
                let key = secrets.public_key().map_err(wrong)?;
                if !network.validators.iter().any(|member| member.public_key == key) {
                    return Err(contradiction(&format!(
                        "consensus.validator: its key {key} is none of the network's validators; is the file of another network?"
                    )));
                }
                let directory = folder.consensus();
                let snapshots = self.number("consensus.snapshots");
                let ordering =
                    ValidatorOrdering { network, secrets, listen, beneficiary, directory, snapshots };
                Ok(Ordering::Validator(Box::new(ordering)))
            }
            Role::Follower { upstreams, group_key, network } => {
                let network = network.map(|path| read_network(&path)).transpose()?;
                let group_key = match (group_key, network) {
                    (Some(said), Some((_, committee))) if said != committee.group_key => {
                        return Err(contradiction(&format!(
                            "consensus.group_key: it is {said}, and that of consensus.network {}",
                            committee.group_key
                        )));
                    }
                    (Some(key), _) => key,
                    (None, Some((_, committee))) => committee.group_key,
                    (None, None) => unreachable!("a follower without a key has been refused"),
                };
                let directory = folder.consensus();
                let snapshots = self.number("consensus.snapshots");
                let state_sync = Some(self.number("consensus.state_sync")).filter(|distance| *distance > 0);
                let ordering = FollowOrdering { upstreams, group_key, directory, snapshots, state_sync };
                Ok(Ordering::Follow(Box::new(ordering)))
            }
        }
    }

    /// What part the node has in ordering, if what is said of it fits together.
    pub(super) fn role(&self) -> Result<Role, SettingsError> {
        let path = |name| self.get(name).map(|_| PathBuf::from(self.text(name)));
        let network = path("consensus.network");
        let secrets = path("consensus.validator");
        let role = match (self.get("consensus.follow"), secrets) {
            (Some(_), Some(_)) => {
                return Err(contradiction(
                    "consensus.follow and consensus.validator: a validator orders itself and follows nobody; name one of them",
                ));
            }
            (Some(_), None) => {
                self.refuse(&["consensus.listen", "consensus.beneficiary"], "only for a validator")?;
                let group_key = self.get("consensus.group_key").map(|_| {
                    self.text("consensus.group_key").parse().expect("the kind of the key was checked")
                });
                if group_key.is_none() && network.is_none() {
                    return Err(contradiction(
                        "consensus.follow: certificates are checked with the network's public key; give it with consensus.group_key (--group-key HEX), or name the network's file with consensus.network",
                    ));
                }
                let upstreams =
                    kind::urls(self.value("consensus.follow")).expect("the kind of it was checked");
                Role::Follower { upstreams, group_key, network }
            }
            (None, secrets) => {
                self.refuse(
                    &["consensus.group_key"],
                    "only for a node that follows another (consensus.follow)",
                )?;
                match (network, secrets) {
                    (Some(network), Some(secrets)) => Role::Validator {
                        network,
                        secrets,
                        listen: self.get("consensus.listen").map(|_| {
                            self.text("consensus.listen")
                                .parse()
                                .expect("the kind of the address was checked")
                        }),
                        beneficiary: self.get("consensus.beneficiary").map_or(Address::ZERO, |_| {
                            self.text("consensus.beneficiary").parse().expect("the kind of it was checked")
                        }),
                    },
                    (Some(_), None) => {
                        return Err(contradiction(
                            "consensus.network: a validator needs keys to vote with; name their file with consensus.validator, or take blocks from another node with consensus.follow",
                        ));
                    }
                    (None, Some(_)) => {
                        return Err(contradiction(
                            "consensus.validator: of which network? name its file with consensus.network",
                        ));
                    }
                    (None, None) => {
                        let why = "only for a validator (consensus.network and consensus.validator)";
                        self.refuse(&["consensus.listen", "consensus.beneficiary"], why)?;
                        Role::Alone
                    }
                }
            }
        };
        if role != Role::Alone {
            let why = "only for a node that orders alone; the validators of a network agree on it";
            self.refuse(&ALONE, why)?;
        }
        Ok(role)
    }

    /// Refuses settings that somebody made.
    fn refuse(&self, names: &[&'static str], why: &str) -> Result<(), SettingsError> {
        let made = names.iter().find_map(|name| match self.source(name) {
            None | Some(Source::Default) => None,
            Some(source) => Some((name, source)),
        });
        made.map_or(Ok(()), |(name, source)| {
            Err(SettingsError::Contradiction(format!("{name} ({source}): {why}")))
        })
    }
}

/// The file of a network, and its validators, checked.
fn read_network(path: &Path) -> Result<(NetworkFile, Committee), SettingsError> {
    let wrong = |error: FileError| contradiction(&format!("consensus.network: {error}"));
    let network = NetworkFile::read(path).map_err(wrong)?;
    let committee = network.committee().map_err(wrong)?;
    Ok((network, committee))
}

fn contradiction(text: &str) -> SettingsError {
    SettingsError::Contradiction(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A point of the curve: its generator.
    const KEY: &str = concat!(
        "0x93e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e",
        "024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8",
    );
    const VALIDATOR: [(&str, &str); 2] = [("consensus.network", "n.json"), ("consensus.validator", "v.json")];
    const FOLLOWER: [(&str, &str); 2] =
        [("consensus.follow", "http://127.0.0.1:8545"), ("consensus.group_key", KEY)];

    fn role(flags: &[&[(&str, &str)]]) -> Result<Role, String> {
        let settings = Settings::default().with_flags(flags.concat()).map_err(|error| error.to_string())?;
        settings.role().map_err(|error| error.to_string())
    }

    #[test]
    fn each_part_is_told_by_what_is_named() {
        assert_eq!(role(&[]), Ok(Role::Alone));
        assert_eq!(role(&[&[("blocks.pace", "1")]]), Ok(Role::Alone));
        let listen = [("consensus.listen", "[::1]:30400")];
        let beneficiary = [("consensus.beneficiary", "0x00000000219ab540356cBB839Cbe05303d7705Fa")];
        let validator = role(&[&VALIDATOR, &listen, &beneficiary]).unwrap();
        let Role::Validator { network, secrets, listen, beneficiary } = validator else { panic!() };
        assert_eq!((network, secrets), ("n.json".into(), "v.json".into()));
        assert_eq!(listen.unwrap().port(), 30400);
        assert_eq!(beneficiary.0[19], 0xfa);
        let network = [("consensus.network", "n.json")];
        for flags in [&[&FOLLOWER[..]][..], &[&FOLLOWER, &network], &[&FOLLOWER[..1], &network]] {
            let Role::Follower { upstreams, group_key, network } = role(flags).unwrap() else { panic!() };
            assert_eq!(upstreams, [FOLLOWER[0].1]);
            assert!(group_key.is_some() || network.is_some());
        }
    }

    #[test]
    fn what_does_not_fit_together_is_explained() {
        let beneficiary = ("consensus.beneficiary", "0x00000000219ab540356cBB839Cbe05303d7705Fa");
        for (flags, expected) in [
            (&[&FOLLOWER[..1]][..], "consensus.group_key (--group-key HEX)"),
            (&[&FOLLOWER[1..]], "consensus.group_key (command line): only for a node that follows"),
            (&[&FOLLOWER, &VALIDATOR], "consensus.follow and consensus.validator: "),
            (&[&FOLLOWER, &[beneficiary]], "consensus.beneficiary (command line): only for a validator"),
            (&[&[beneficiary]], "consensus.beneficiary (command line): only for a validator"),
            (&[&VALIDATOR[..1]], "consensus.network: a validator needs keys"),
            (&[&VALIDATOR[1..]], "consensus.validator: of which network?"),
            (
                &[&VALIDATOR, &[("blocks.pace", "1")]],
                "blocks.pace (command line): only for a node that orders",
            ),
            (&[&FOLLOWER, &[("blocks.mine", "false")]], "blocks.mine (command line): only for a node that"),
            (&[&[("consensus.group_key", "0x12")]], "expected the public key of a network: 96 bytes"),
            (&[&[("consensus.follow", "127.0.0.1:8545")]], "expected addresses that begin with http://"),
            (&[&[("consensus.listen", "localhost:1")]], "expected an IP address and a port"),
        ] {
            let error = role(flags).unwrap_err();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }
}
