//! What stops a trace: time, and the size of what is recorded.

use alloy_primitives::{Address, Log, U256};
use mundi_rpc_context::RpcError;
use revm::{
    Inspector,
    context_interface::{ContextError, ContextTr},
    interpreter::{
        CallInputs, CallOutcome, CreateInputs, CreateOutcome, Interpreter, interpreter_types::LoopControl,
    },
};
use std::time::{Duration, Instant};

/// Why a trace was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It took too long.
    Time,
    /// The request as a whole took too long.
    Request,
    /// What was recorded is too big for an answer.
    Size,
}

/// How much one transaction's trace may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    /// Time of one transaction.
    pub(crate) time: Duration,
    /// When the whole request has to be done.
    pub(crate) until: Option<Instant>,
    /// Bytes that are left of the answer.
    pub(crate) bytes: usize,
    /// Bytes that the whole answer may have, for the message.
    pub(crate) of: usize,
}

impl Allowance {
    /// The same for a request that has to be done in `time`.
    pub(crate) fn within(self, time: Duration) -> Self {
        Self { until: Instant::now().checked_add(time), ..self }
    }

    /// The error for a trace that was stopped.
    pub(crate) fn error(&self, stop: Stop) -> RpcError {
        RpcError::limit(match stop {
            Stop::Time => format!(
                "execution aborted (timeout = {:?}): tracing one transaction took longer; trace less of it",
                self.time
            ),
            Stop::Request => {
                "execution aborted: tracing so many transactions takes too long; ask for fewer of them".into()
            }
            Stop::Size => format!(
                "the trace is larger than {} bytes; trace one transaction alone, limit it, or leave memory, stack and \
                 storage out",
                self.of
            ),
        })
    }
}

/// What is recorded of a transaction, as far as it decides the size of the answer. Numbers are bytes of JSON, rounded up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recording {
    /// For each instruction.
    pub(crate) step: usize,
    /// For each instruction and stack item.
    pub(crate) stack_item: usize,
    /// For each instruction and byte of memory.
    pub(crate) memory_byte: usize,
    /// For each call and creation.
    pub(crate) frame: usize,
    /// For each byte of input, output and logs.
    pub(crate) data_byte: usize,
}

impl Recording {
    /// Frames with inputs and outputs.
    pub(crate) const FRAMES: Self = Self { step: 0, stack_item: 0, memory_byte: 0, frame: 512, data_byte: 2 };
    /// Calls, without their data.
    pub(crate) const CALLS: Self = Self { step: 0, stack_item: 0, memory_byte: 0, frame: 256, data_byte: 0 };

    /// Both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            step: self.step + other.step,
            stack_item: self.stack_item + other.stack_item,
            memory_byte: self.memory_byte + other.memory_byte,
            frame: self.frame + other.frame,
            data_byte: self.data_byte + other.data_byte,
        }
    }
}

/// How many instructions run between two looks at the clock.
const STEPS_PER_LOOK: u32 = 512;
/// Bytes of a log's JSON, apart from its data.
const LOG_BYTES: usize = 512;

/// An inspector that is stopped when time or space is up.
#[derive(Debug)]
pub(crate) struct Watch<I> {
    /// What records.
    pub(crate) inspector: I,
    recording: Recording,
    deadline: Option<Instant>,
    until: Option<Instant>,
    until_look: u32,
    left: usize,
    stop: Option<Stop>,
}

/// An inspector that knows how much of the answer it holds.
pub(crate) trait Recorder {
    /// Bytes of the answer that it holds and that no [`Recording`] counts.
    fn held(&self) -> usize {
        0
    }

    /// Whether it was told a limit of its own, and reached it.
    fn is_exhausted(&self) -> bool {
        false
    }
}

impl<I: Recorder> Watch<I> {
    /// Watches `inspector` from now on.
    pub(crate) fn new(inspector: I, recording: Recording, allowance: &Allowance) -> Self {
        Self {
            inspector,
            recording,
            deadline: Instant::now().checked_add(allowance.time),
            until: allowance.until,
            until_look: STEPS_PER_LOOK,
            left: allowance.bytes,
            stop: None,
        }
    }

    /// Why it was stopped, if it was.
    pub(crate) const fn stop(&self) -> Option<Stop> {
        self.stop
    }

    fn charge(&mut self, bytes: usize) {
        match self.left.checked_sub(bytes) {
            Some(left) => self.left = left,
            None => self.stop = self.stop.or(Some(Stop::Size)),
        }
    }

    fn look(&mut self) {
        self.until_look = STEPS_PER_LOOK;
        let now = Instant::now();
        let is_past = |deadline: Option<Instant>| deadline.is_some_and(|deadline| now >= deadline);
        if is_past(self.deadline) {
            self.stop = self.stop.or(Some(Stop::Time));
        } else if is_past(self.until) {
            self.stop = self.stop.or(Some(Stop::Request));
        }
    }

    /// A frame begins with `data` bytes of input.
    fn frame<CTX: ContextTr>(&mut self, context: &mut CTX, data: usize) {
        self.charge(self.recording.frame + self.recording.data_byte.saturating_mul(data));
        self.look();
        self.refuse(context);
    }

    /// Ends the transaction with an error, if it has to stop.
    fn refuse<CTX: ContextTr>(&self, context: &mut CTX) {
        if self.stop.is_some() && context.error().is_ok() {
            *context.error() = Err(ContextError::Custom("the trace was stopped".into()));
        }
    }

    fn halt<CTX: ContextTr>(&self, interpreter: &mut Interpreter, context: &mut CTX) {
        if self.stop.is_some() {
            self.refuse(context);
            interpreter.bytecode.action().take();
            interpreter.bytecode.reset_action();
            interpreter.halt_fatal();
        }
    }
}

impl<CTX: ContextTr, I: Inspector<CTX> + Recorder> Inspector<CTX> for Watch<I> {
    fn initialize_interp(&mut self, interpreter: &mut Interpreter, context: &mut CTX) {
        self.inspector.initialize_interp(interpreter, context);
        self.halt(interpreter, context);
    }

    fn step(&mut self, interpreter: &mut Interpreter, context: &mut CTX) {
        let Recording { step, stack_item, memory_byte, .. } = self.recording;
        if step > 0 {
            let stack = stack_item * interpreter.stack.len();
            let memory =
                if memory_byte == 0 { 0 } else { memory_byte * interpreter.memory.context_memory().len() };
            self.charge(step + stack + memory);
        }
        if self.inspector.held() > self.left {
            self.stop = self.stop.or(Some(Stop::Size));
        }
        self.until_look -= 1;
        if self.until_look == 0 {
            self.look();
        }
        if self.stop.is_none() {
            self.inspector.step(interpreter, context);
        }
        self.halt(interpreter, context);
    }

    fn step_end(&mut self, interpreter: &mut Interpreter, context: &mut CTX) {
        if self.stop.is_none() {
            self.inspector.step_end(interpreter, context);
        }
        self.halt(interpreter, context);
    }

    fn log(&mut self, context: &mut CTX, log: Log) {
        if self.recording.data_byte > 0 {
            self.charge(LOG_BYTES + self.recording.data_byte * log.data.data.len());
        }
        self.inspector.log(context, log);
    }

    fn log_full(&mut self, interpreter: &mut Interpreter, context: &mut CTX, log: Log) {
        if self.recording.data_byte > 0 {
            self.charge(LOG_BYTES + self.recording.data_byte * log.data.data.len());
        }
        self.inspector.log_full(interpreter, context, log);
        self.halt(interpreter, context);
    }

    fn call(&mut self, context: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.frame(context, inputs.input.len());
        self.inspector.call(context, inputs)
    }

    fn call_end(&mut self, context: &mut CTX, inputs: &CallInputs, outcome: &mut CallOutcome) {
        self.charge(self.recording.data_byte * outcome.result.output.len());
        self.refuse(context);
        self.inspector.call_end(context, inputs, outcome);
    }

    fn create(&mut self, context: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        self.frame(context, inputs.init_code().len());
        self.inspector.create(context, inputs)
    }

    fn create_end(&mut self, context: &mut CTX, inputs: &CreateInputs, outcome: &mut CreateOutcome) {
        self.charge(self.recording.data_byte * outcome.result.output.len());
        self.refuse(context);
        self.inspector.create_end(context, inputs, outcome);
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        self.charge(self.recording.frame);
        self.inspector.selfdestruct(contract, target, value);
    }
}
