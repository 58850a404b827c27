//! Precompiled contracts that can be moved and removed.

use alloy_primitives::{
    Address,
    map::{AddressMap, AddressSet},
};
use revm::{
    context::{Cfg, ContextTr, JournalTr, LocalContextTr},
    handler::{EthPrecompiles, PrecompileProvider, precompile_output_to_interpreter_result},
    interpreter::{CallInputs, InterpreterResult},
    precompile::Precompile,
    primitives::hardfork::SpecId,
};

/// Precompiled contracts that can be moved and removed. Their addresses stay warm all the same.
#[derive(Clone, Debug)]
pub struct Precompiles {
    standard: EthPrecompiles,
    /// What is where, once it differs from the standard.
    placed: Option<AddressMap<Precompile>>,
}

impl Precompiles {
    /// Those of a fork, in their places.
    pub fn new(spec: SpecId) -> Self {
        Self { standard: EthPrecompiles::new(spec), placed: None }
    }

    fn get(&self, address: &Address) -> Option<&Precompile> {
        match &self.placed {
            Some(placed) => placed.get(address),
            None => self.standard.precompiles.get(address),
        }
    }

    /// Whether there is one at the address.
    pub fn is_at(&self, address: &Address) -> bool {
        self.get(address).is_some()
    }

    fn placed(&mut self) -> &mut AddressMap<Precompile> {
        self.placed.get_or_insert_with(|| {
            let all = self.standard.precompiles.inner();
            all.iter().map(|(address, precompile)| (*address, precompile.clone())).collect()
        })
    }

    /// Takes the one at an address away.
    pub fn remove(&mut self, address: &Address) {
        if self.is_at(address) {
            self.placed().remove(address);
        }
    }

    /// Puts a copy of the one at `from` to `to`. Returns whether there is one.
    pub fn copy(&mut self, from: &Address, to: Address) -> bool {
        let Some(precompile) = self.get(from).cloned() else { return false };
        self.placed().insert(to, precompile);
        true
    }
}

impl<CTX: ContextTr<Cfg: Cfg<Spec = SpecId>>> PrecompileProvider<CTX> for Precompiles {
    type Output = InterpreterResult;

    fn set_spec(&mut self, spec: SpecId) -> bool {
        <EthPrecompiles as PrecompileProvider<CTX>>::set_spec(&mut self.standard, spec)
    }

    fn run(&mut self, context: &mut CTX, inputs: &CallInputs) -> Result<Option<InterpreterResult>, String> {
        if self.placed.is_none() {
            return self.standard.run(context, inputs);
        }
        let Some(precompile) = self.get(&inputs.bytecode_address) else { return Ok(None) };
        let input = inputs.input.as_bytes(context);
        let output = precompile
            .execute(&input, inputs.gas_limit, inputs.reservoir)
            .map_err(|error| error.to_string())?;
        drop(input);
        if let Some(reason) = output.halt_reason().filter(|reason| !reason.is_oog())
            && context.journal().depth() == 1
        {
            context.local_mut().set_precompile_error_context(reason.to_string());
        }
        Ok(Some(precompile_output_to_interpreter_result(output, inputs.gas_limit)))
    }

    fn warm_addresses(&self) -> &AddressSet {
        self.standard.warm_addresses()
    }

    fn contains(&self, address: &Address) -> bool {
        self.is_at(address)
    }
}
