//! Declaring methods that work on a [`Workbench`].

use crate::workbench::Workbench;
use mundi_rpc_context::{Args, Cost, Methods, Param, RpcError, Schema};
use serde::Serialize;
use std::sync::Arc;

/// Methods in the making.
pub(crate) struct Declare<'a> {
    pub(crate) methods: Methods,
    pub(crate) bench: &'a Arc<Workbench>,
}

impl Declare<'_> {
    /// A method, by all of its names.
    pub(crate) fn add<R: Serialize + Clone + Send + 'static>(
        &mut self,
        names: &[&'static str],
        summary: &'static str,
        params: &[Param],
        result: Schema,
        handler: fn(&Workbench, Args<'_>) -> Result<R, RpcError>,
    ) {
        let bench = Arc::clone(self.bench);
        // Changes wait for the ledger, which a light method must not.
        let work = move |_: &_, args: Args<'_>| handler(&bench, args);
        self.methods.add(Cost::Read, names[0], summary, params, result, work);
        self.aliases(names);
    }

    /// A method that may take long: it runs beside the workers, so that they stay free for others.
    pub(crate) fn add_long<P: Send + 'static, R: Serialize + Clone + Send + 'static>(
        &mut self,
        names: &[&'static str],
        summary: &'static str,
        params: &[Param],
        result: Schema,
        parse: fn(Args<'_>) -> Result<P, RpcError>,
        handler: fn(&Workbench, P) -> Result<R, RpcError>,
    ) {
        let bench = Arc::clone(self.bench);
        let work = move |_, parsed: P| {
            let bench = Arc::clone(&bench);
            async move {
                let work = tokio::task::spawn_blocking(move || handler(&bench, parsed));
                work.await.map_err(RpcError::internal)?
            }
        };
        self.methods.add_async(names[0], summary, params, result, parse, work);
        self.aliases(names);
    }

    fn aliases(&mut self, names: &[&'static str]) {
        for alias in &names[1..] {
            self.methods.alias(alias, names[0]);
        }
    }
}
