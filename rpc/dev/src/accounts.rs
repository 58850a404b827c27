//! The accounts that a developer's chain starts with.

use alloy_signer_local::{
    MnemonicBuilder, PrivateKeySigner,
    coins_bip39::{English, Mnemonic},
};

/// The phrase that the keys of every developer's chain come from, unless another is given. Everybody knows it.
pub const DEFAULT_MNEMONIC: &str = "test test test test test test test test test test test junk";
/// Where its keys are derived from; an index follows.
pub const DEFAULT_DERIVATION_PATH: &str = "m/44'/60'/0'/0/";
/// Most accounts that are derived at once: each takes about a millisecond.
pub const MAX_ACCOUNTS: u32 = 10_000;

/// A phrase or a path that gives no keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountsError {
    /// More than [`MAX_ACCOUNTS`].
    #[error("{0} accounts: expected at most {MAX_ACCOUNTS}")]
    TooMany(u32),
    /// Not a BIP-39 phrase. The phrase itself is not repeated.
    #[error("mnemonic: {0}; expected 12 to 24 English words of BIP-39")]
    Mnemonic(String),
    /// Not a BIP-32 path.
    #[error("derivation path '{path}': {reason}; expected one such as '{DEFAULT_DERIVATION_PATH}'")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The first `count` keys of a phrase: `path` is followed by 0, 1, 2 and so on.
///
/// ```
/// use mundi_rpc_dev::{DEFAULT_DERIVATION_PATH, DEFAULT_MNEMONIC, developer_accounts};
///
/// let signers = developer_accounts(DEFAULT_MNEMONIC, 2, DEFAULT_DERIVATION_PATH)?;
/// assert_eq!(signers[0].address().to_string(), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
/// # Ok::<(), mundi_rpc_dev::AccountsError>(())
/// ```
pub fn developer_accounts(
    mnemonic: &str,
    count: u32,
    path: &str,
) -> Result<Vec<PrivateKeySigner>, AccountsError> {
    if count > MAX_ACCOUNTS {
        return Err(AccountsError::TooMany(count));
    }
    Mnemonic::<English>::new_from_phrase(mnemonic)
        .map_err(|error| AccountsError::Mnemonic(error.to_string()))?;
    let slash = if path.ends_with('/') { "" } else { "/" };
    let key = |index| {
        let wrong = |reason: alloy_signer_local::LocalSignerError| AccountsError::Path {
            path: path.chars().take(80).collect(),
            reason: reason.to_string(),
        };
        MnemonicBuilder::<English>::default()
            .phrase(mnemonic)
            .derivation_path(format!("{path}{slash}{index}"))
            .and_then(|builder| builder.build())
            .map_err(wrong)
    };
    (0..count).map(key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_familiar_keys_come_of_the_familiar_phrase() {
        let signers = developer_accounts(DEFAULT_MNEMONIC, 10, "m/44'/60'/0'/0").unwrap();
        assert_eq!(signers.len(), 10);
        assert_eq!(
            alloy_primitives::hex::encode(signers[0].to_bytes()),
            "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
        );
        assert_eq!(signers[9].address().to_string(), "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720");
    }

    #[test]
    fn what_gives_no_keys_is_refused() {
        assert!(matches!(developer_accounts("test", 1, "m/"), Err(AccountsError::Mnemonic(_))));
        assert!(matches!(developer_accounts(DEFAULT_MNEMONIC, 1, "x/y"), Err(AccountsError::Path { .. })));
        assert_eq!(
            developer_accounts(DEFAULT_MNEMONIC, u32::MAX, "m/").unwrap_err(),
            AccountsError::TooMany(u32::MAX)
        );
    }
}
