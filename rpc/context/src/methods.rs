//! How methods are declared.

use crate::{Ctx, args::Args, error::RpcError, schema::Schema, workers::Cost};
use jsonrpsee::{RpcModule, types::ErrorObjectOwned};
use serde::Serialize;
use std::{future::Future, sync::Arc};

/// A parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// Its form.
    pub schema: Schema,
    /// Whether it has to be there.
    pub required: bool,
}

/// A parameter that has to be there.
pub const fn required(name: &'static str, schema: Schema) -> Param {
    Param { name, schema, required: true }
}

/// A parameter that may be absent or `null`.
pub const fn optional(name: &'static str, schema: Schema) -> Param {
    Param { name, schema, required: false }
}

/// What is public of a method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodSpec {
    /// Its name.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// Its parameters, in order.
    pub params: Vec<Param>,
    /// What it returns.
    pub result: Schema,
    /// What it needs.
    pub cost: Cost,
}

/// Methods with their handlers.
pub struct Methods {
    pub(crate) module: RpcModule<Ctx>,
    specs: Vec<MethodSpec>,
}

impl Methods {
    /// None yet.
    pub fn new(context: Ctx) -> Self {
        Self { module: RpcModule::new(context), specs: Vec::new() }
    }

    /// Adds a method whose handler returns when it is done.
    ///
    /// # Panics
    /// If the name is taken.
    pub fn add<R: Serialize + Clone + Send + 'static>(
        &mut self,
        cost: Cost,
        name: &'static str,
        summary: &'static str,
        params: &[Param],
        result: Schema,
        handler: impl Fn(&Ctx, Args<'_>) -> Result<R, RpcError> + Send + Sync + 'static,
    ) {
        let names = self.declare(cost, name, summary, params, result);
        let handler = Arc::new(handler);
        let method = move |params: jsonrpsee::types::Params<'static>, context: Arc<Ctx>, _| {
            let (names, handler) = (Arc::clone(&names), Arc::clone(&handler));
            async move {
                let ctx = Ctx::clone(&context);
                let work = move || handler(&ctx, Args::new(&params, &names));
                context.workers.run(cost, work).await.map_err(ErrorObjectOwned::from)
            }
        };
        self.module.register_async_method(name, method).expect("each method is declared once");
    }

    /// Adds a method whose handler waits for something without holding a thread. Its parameters are parsed by `parse` first.
    ///
    /// # Panics
    /// If the name is taken.
    pub fn add_async<P, R, F>(
        &mut self,
        name: &'static str,
        summary: &'static str,
        params: &[Param],
        result: Schema,
        parse: fn(Args<'_>) -> Result<P, RpcError>,
        handler: impl Fn(Ctx, P) -> F + Send + Sync + 'static,
    ) where
        P: Send + 'static,
        R: Serialize + Clone + Send + 'static,
        F: Future<Output = Result<R, RpcError>> + Send + 'static,
    {
        let names = self.declare(Cost::Light, name, summary, params, result);
        let handler = Arc::new(handler);
        let method = move |params: jsonrpsee::types::Params<'static>, context: Arc<Ctx>, _| {
            let (names, handler) = (Arc::clone(&names), Arc::clone(&handler));
            async move {
                let parsed = parse(Args::new(&params, &names)).map_err(ErrorObjectOwned::from)?;
                handler(Ctx::clone(&context), parsed).await.map_err(ErrorObjectOwned::from)
            }
        };
        self.module.register_async_method(name, method).expect("each method is declared once");
    }

    fn declare(
        &mut self,
        cost: Cost,
        name: &'static str,
        summary: &'static str,
        params: &[Param],
        result: Schema,
    ) -> Arc<[&'static str]> {
        self.specs.push(MethodSpec { name, summary, params: params.to_vec(), result, cost });
        params.iter().map(|param| param.name).collect()
    }

    /// Another name for a method.
    ///
    /// # Panics
    /// If there is no such method, or the name is taken.
    pub fn alias(&mut self, alias: &'static str, name: &'static str) {
        self.module.register_alias(alias, name).expect("the method exists and the alias is new");
        let spec = self.specs.iter().find(|spec| spec.name == name).expect("the method was declared").clone();
        self.specs.push(MethodSpec { name: alias, ..spec });
    }

    /// Declares a subscription, whose handler is registered with [`module`](Self::module).
    pub fn describe(&mut self, spec: MethodSpec) {
        self.specs.push(spec);
    }

    /// For subscriptions, which are registered with the library itself.
    pub const fn module(&mut self) -> &mut RpcModule<Ctx> {
        &mut self.module
    }

    /// Adds all methods of another set.
    ///
    /// # Panics
    /// If a name is in both.
    pub fn merge(&mut self, other: Self) {
        self.module.merge(other.module).expect("each method is declared once");
        self.specs.extend(other.specs);
    }

    /// What is declared, in order of declaration.
    pub fn specs(&self) -> &[MethodSpec] {
        &self.specs
    }

    /// The handlers, and what is declared.
    pub fn into_parts(self) -> (RpcModule<Ctx>, Vec<MethodSpec>) {
        (self.module, self.specs)
    }
}

impl std::fmt::Debug for Methods {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.specs.iter().map(|spec| spec.name)).finish()
    }
}
