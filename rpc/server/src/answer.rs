//! Answers, alone and of a batch, and the room they take.

use crate::{budget::Charge, dispatch::Dispatcher};
use jsonrpsee::{
    core::server::MethodResponse,
    types::{
        Id,
        error::{OVERSIZED_RESPONSE_CODE, TOO_BIG_BATCH_RESPONSE_CODE},
    },
};
use tokio_util::sync::DropGuard;

/// An answer, and what is to be kept until it is written.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) room: Room,
}

/// What is kept until an answer is written.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// The bytes count as held.
    _charge: Option<Charge>,
    /// Subscriptions that a batch began are silent.
    _silence: Option<DropGuard>,
}

impl From<Charge> for Room {
    fn from(charge: Charge) -> Self {
        Self { _charge: Some(charge), _silence: None }
    }
}

/// The text of a response, which is not copied.
pub(crate) fn into_text(response: MethodResponse) -> String {
    String::from(Box::<str>::from(response.into_json()))
}

/// The answers of a batch, as far as there is room.
pub(crate) struct Answers<'a> {
    dispatcher: &'a Dispatcher,
    text: String,
    charge: Charge,
    /// One did not fit; nothing more is run.
    pub(crate) full: bool,
}

impl<'a> Answers<'a> {
    pub(crate) fn new(dispatcher: &'a Dispatcher) -> Option<Self> {
        let charge = dispatcher.budget.charge(0)?;
        Some(Self { dispatcher, text: String::from("["), charge, full: false })
    }

    /// Appends an answer. When it does not fit, or is not even there because those before did not, an error stands for it.
    pub(crate) fn push(&mut self, id: &Id<'_>, answer: Option<&str>) {
        if self.text.len() > 1 {
            self.text.push(',');
        }
        let dispatcher = self.dispatcher;
        let error = match answer {
            None => dispatcher.error(
                id.clone(),
                TOO_BIG_BATCH_RESPONSE_CODE,
                format!(
                    "not run: the answers before exceed the limit of {} bytes",
                    dispatcher.response_bytes
                ),
            ),
            Some(answer) if self.text.len() + answer.len() + 1 > dispatcher.response_bytes => dispatcher
                .error(
                    id.clone(),
                    OVERSIZED_RESPONSE_CODE,
                    format!("the batch's answers exceed the limit of {} bytes", dispatcher.response_bytes),
                ),
            Some(answer) if dispatcher.budget.grow(&mut self.charge, answer.len()) => {
                return self.text.push_str(answer);
            }
            Some(_) => dispatcher.no_room(id.clone()),
        };
        self.full = true;
        self.text.push_str(error.as_json().get());
    }

    /// `None` if all were notifications.
    pub(crate) fn finish(mut self, silence: Option<DropGuard>) -> Option<Answer> {
        if self.text.len() == 1 {
            return None;
        }
        self.text.push(']');
        Some(Answer { text: self.text, room: Room { _charge: Some(self.charge), _silence: silence } })
    }
}
