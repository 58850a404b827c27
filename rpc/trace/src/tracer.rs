//! The tracers of the `debug` methods.

use crate::{
    answer::{self, Json},
    struct_log::StructLogger,
    watch::{Allowance, Recorder, Recording, Stop, Watch},
};
use alloy_primitives::{Address, Log, U256};
use alloy_rpc_types_trace::geth::{
    GethDebugBuiltInTracerType as BuiltIn, GethDebugTracerType, GethDebugTracingOptions, PreStateConfig,
    mux::MuxConfig,
};
use mundi_rpc_context::{RpcError, code};
use revm::{
    DatabaseRef, Inspector,
    context::{BlockEnv, TxEnv, result::ResultAndState},
    context_interface::ContextTr,
    inspector::JournalExt,
    interpreter::{CallInputs, CallOutcome, CreateInputs, CreateOutcome, Interpreter},
    state::EvmState,
};
use revm_inspectors::tracing::{
    DebugInspector, DebugInspectorError, TraceLimitBehavior, TraceLimits, TransactionContext,
};

/// A tracer that a client chose.
#[derive(Debug)]
pub(crate) enum Tracer {
    /// The default.
    Struct(StructLogger),
    /// Any other.
    Named(DebugInspector),
}

impl Recorder for Tracer {
    fn held(&self) -> usize {
        match self {
            Self::Struct(logger) => logger.held(),
            Self::Named(_) => 0,
        }
    }

    fn is_exhausted(&self) -> bool {
        matches!(self, Self::Named(DebugInspector::Erc7562Tracer(inspector, _)) if inspector.limit_exceeded())
    }
}

/// What an `erc7562Tracer` keeps of each instruction.
const STEPS: Recording = Recording { step: 320, stack_item: 32, memory_byte: 0, frame: 1024, data_byte: 2 };

fn refuse(name: &str) -> RpcError {
    const LONGEST: usize = 40;
    let name: String = name.chars().take(LONGEST).collect();
    RpcError::new(
        code::UNSUPPORTED,
        format!(
            "tracer {name:?} is not supported: JavaScript is not run here; use callTracer, prestateTracer, \
             4byteTracer, flatCallTracer, muxTracer, noopTracer, erc7562Tracer, or none for struct logs"
        ),
    )
}

/// What a tracer records.
fn recording(tracer: &GethDebugTracerType) -> Result<Recording, RpcError> {
    let tracer = match tracer {
        GethDebugTracerType::BuiltInTracer(tracer) => tracer,
        GethDebugTracerType::JsTracer(name) => return Err(refuse(name)),
    };
    Ok(match tracer {
        BuiltIn::CallTracer | BuiltIn::FlatCallTracer => Recording::FRAMES,
        BuiltIn::Erc7562Tracer => STEPS,
        BuiltIn::MuxTracer => Recording::FRAMES.and(Recording::FRAMES),
        _ => Recording::default(),
    })
}

/// A multiplexer's configuration as the library wants it: it insists on one for some tracers, and on none for others.
fn mux(options: &GethDebugTracingOptions) -> Result<GethDebugTracingOptions, RpcError> {
    let bad = |error| RpcError::invalid_params(format!("invalid tracerConfig of the muxTracer: {error}"));
    let mut config: MuxConfig = options.tracer_config.clone().into_mux_config().map_err(bad)?;
    for (tracer, config) in &mut config.0 {
        match tracer {
            GethDebugTracerType::JsTracer(name) => return Err(refuse(name)),
            GethDebugTracerType::BuiltInTracer(
                BuiltIn::CallTracer | BuiltIn::PreStateTracer | BuiltIn::FlatCallTracer,
            ) => {
                let given = config.take().filter(|config| !config.is_null());
                *config = Some(given.unwrap_or_else(|| serde_json::json!({}).into()));
            }
            GethDebugTracerType::BuiltInTracer(
                BuiltIn::FourByteTracer | BuiltIn::NoopTracer | BuiltIn::StateGasTracer,
            ) => *config = None,
            GethDebugTracerType::BuiltInTracer(other) => {
                return Err(RpcError::invalid_params(format!(
                    "a muxTracer cannot hold the tracer {other:?}"
                )));
            }
        }
    }
    Ok(GethDebugTracingOptions { tracer_config: config.into(), ..options.clone() })
}

impl Tracer {
    /// The tracer that the options ask for, watched.
    pub(crate) fn new(
        options: &GethDebugTracingOptions,
        allowance: &Allowance,
    ) -> Result<Watch<Self>, RpcError> {
        let named = options.tracer.as_ref().filter(|tracer| !tracer.as_str().is_empty());
        let Some(named) = named else {
            let logger = StructLogger::new(options.config);
            return Ok(Watch::new(Self::Struct(logger), Recording::default(), allowance));
        };
        let recording = recording(named)?;
        let options = match named {
            GethDebugTracerType::BuiltInTracer(BuiltIn::MuxTracer) => mux(options)?,
            _ => options.clone(),
        };
        let inspector = match DebugInspector::new(options).map_err(RpcError::from_inspector)? {
            DebugInspector::Erc7562Tracer(inspector, config) => {
                let limits = TraceLimits::default()
                    .set_max_recorded_bytes(Some(allowance.bytes))
                    .set_behavior(TraceLimitBehavior::Halt);
                DebugInspector::Erc7562Tracer(inspector.with_limits(limits), config)
            }
            inspector => inspector,
        };
        Ok(Watch::new(Self::Named(inspector), recording, allowance))
    }

    /// The trace. `db` is the state before the transaction.
    pub(crate) fn finish<DB: DatabaseRef<Error: std::fmt::Display>>(
        self,
        position: Option<TransactionContext>,
        (tx, block): (&TxEnv, &BlockEnv),
        result: &ResultAndState,
        db: &mut DB,
        allowance: &Allowance,
    ) -> Result<Json, RpcError> {
        let mut inspector = match self {
            Self::Struct(logger) => return answer::raw(logger.into_json(&result.result)),
            Self::Named(inspector) => inspector,
        };
        let times = match &inspector {
            DebugInspector::PreStateTracer(_, config) => shown(config),
            DebugInspector::Mux(..) => 2,
            _ => 0,
        };
        if times > 0 && times.saturating_mul(state_size(&result.state)) > allowance.bytes {
            return Err(allowance.error(Stop::Size));
        }
        let trace =
            inspector.get_result(position, tx, block, result, db).map_err(RpcError::from_inspector)?;
        answer::json(&trace)
    }
}

/// How often a state is shown.
fn shown(config: &PreStateConfig) -> usize {
    if config.is_diff_mode() { 2 } else { 1 }
}

/// Bytes of JSON that accounts make, about.
fn state_size(state: &EvmState) -> usize {
    const ACCOUNT: usize = 160;
    const SLOT: usize = 138;
    let code = |account: &revm::state::Account| account.info.code.as_ref().map_or(0, |code| code.len());
    state.values().map(|account| ACCOUNT + SLOT * account.storage.len() + 2 * code(account)).sum()
}

/// Errors of the library's inspectors.
trait FromInspector {
    fn from_inspector<E: std::fmt::Display>(error: DebugInspectorError<E>) -> Self;
}

impl FromInspector for RpcError {
    fn from_inspector<E: std::fmt::Display>(error: DebugInspectorError<E>) -> Self {
        match error {
            DebugInspectorError::Database(error) => Self::internal(error),
            DebugInspectorError::InvalidTracerConfig => {
                Self::invalid_params("invalid tracerConfig: it does not fit the tracer")
            }
            error => Self::invalid_params(error.to_string()),
        }
    }
}

macro_rules! each {
    ($self:expr, $inspector:ident => $call:expr) => {
        match $self {
            Tracer::Struct($inspector) => $call,
            Tracer::Named($inspector) => $call,
        }
    };
}

impl<CTX: ContextTr<Journal: JournalExt>> Inspector<CTX> for Tracer {
    fn initialize_interp(&mut self, interpreter: &mut Interpreter, context: &mut CTX) {
        each!(self, inner => inner.initialize_interp(interpreter, context));
    }

    fn step(&mut self, interpreter: &mut Interpreter, context: &mut CTX) {
        each!(self, inner => inner.step(interpreter, context));
    }

    fn step_end(&mut self, interpreter: &mut Interpreter, context: &mut CTX) {
        each!(self, inner => inner.step_end(interpreter, context));
    }

    fn log(&mut self, context: &mut CTX, log: Log) {
        each!(self, inner => inner.log(context, log));
    }

    fn log_full(&mut self, interpreter: &mut Interpreter, context: &mut CTX, log: Log) {
        each!(self, inner => inner.log_full(interpreter, context, log));
    }

    fn call(&mut self, context: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        each!(self, inner => inner.call(context, inputs))
    }

    fn call_end(&mut self, context: &mut CTX, inputs: &CallInputs, outcome: &mut CallOutcome) {
        each!(self, inner => inner.call_end(context, inputs, outcome));
    }

    fn create(&mut self, context: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        each!(self, inner => inner.create(context, inputs))
    }

    fn create_end(&mut self, context: &mut CTX, inputs: &CreateInputs, outcome: &mut CreateOutcome) {
        each!(self, inner => inner.create_end(context, inputs, outcome));
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        each!(self, inner => <_ as Inspector<CTX>>::selfdestruct(inner, contract, target, value));
    }
}
