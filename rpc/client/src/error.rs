//! What can go wrong.

use serde_json::Value;

/// Longest error text that is passed on.
const MOST_MESSAGE: usize = 500;

/// A text that is no URL of a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no URL of a node: expected http://… or https://…")]
pub struct InvalidUrl(pub(crate) String);

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The node could not be reached, or the connection broke, or it has too much to do.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// It refused the call.
    #[error("it refuses: {message} (code {code})")]
    Refused {
        /// JSON-RPC error code.
        code: i64,
        /// Its words.
        message: String,
        /// What it says to programs.
        data: Option<Box<Value>>,
    },
    /// The answer is not what the call should give.
    #[error("its answer is unusable: {0}")]
    Unusable(String),
}

impl CallError {
    /// An answer that cannot be used, and what is wrong with it.
    pub fn unusable(message: impl ToString) -> Self {
        Self::Unusable(shortened(&message.to_string()))
    }

    pub(crate) fn unreachable(message: impl ToString) -> Self {
        Self::Unreachable(shortened(&message.to_string()))
    }

    /// Whether the same call may succeed a moment later.
    pub fn may_pass(&self) -> bool {
        const LIMITS: [i64; 2] = [429, -32005];
        match self {
            Self::Unreachable(_) => true,
            Self::Refused { code, message, .. } => {
                let message = message.to_ascii_lowercase();
                LIMITS.contains(code)
                    || message.contains("rate limit")
                    || message.contains("too many requests")
            }
            Self::Unusable(_) => false,
        }
    }
}

pub(crate) fn shortened(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(MOST_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_faults_that_may_pass_are_worth_a_repetition() {
        let refused = |code, message: &str| CallError::Refused { code, message: message.into(), data: None };
        assert!(refused(429, "").may_pass());
        assert!(refused(-32005, "").may_pass());
        assert!(refused(-32000, "Rate limit exceeded").may_pass());
        assert!(CallError::Unreachable("timeout".into()).may_pass());
        assert!(!refused(-32602, "bad params").may_pass());
        assert!(!CallError::unusable("no JSON").may_pass());
    }
}
