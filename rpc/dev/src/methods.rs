//! The methods, by what they are about.

mod chain;
mod impersonation;
mod mining;
mod past;
mod pool;
mod state;
mod time;

use crate::{declare::Declare, workbench::Workbench};
use mundi_rpc_context::Methods;
use std::sync::Arc;

impl Workbench {
    /// All developers' methods on this chain.
    pub fn methods(self: &Arc<Self>) -> Methods {
        let methods = Methods::new(Arc::clone(&self.ctx));
        let mut declare = Declare { methods, bench: self };
        state::declare(&mut declare);
        impersonation::declare(&mut declare);
        mining::declare(&mut declare);
        time::declare(&mut declare);
        pool::declare(&mut declare);
        past::declare(&mut declare);
        chain::declare(&mut declare);
        declare.methods
    }
}
