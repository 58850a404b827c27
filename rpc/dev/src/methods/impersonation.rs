//! Sending for accounts without their keys.

use crate::declare::Declare;
use alloy_primitives::Address;
use mundi_rpc_context::{Schema, required};

pub(super) fn declare(declare: &mut Declare<'_>) {
    let address = [required("address", Schema::Address)];
    declare.add(
        &["anvil_impersonateAccount", "hardhat_impersonateAccount"],
        "From here on transactions are sent for this account without a signature.",
        &address,
        Schema::Null,
        |bench, mut args| {
            bench.ctx.accounts.impersonate(args.next::<Address>()?, true);
            Ok(())
        },
    );
    declare.add(
        &["anvil_stopImpersonatingAccount", "hardhat_stopImpersonatingAccount"],
        "Ends the impersonation of an account.",
        &address,
        Schema::Null,
        |bench, mut args| {
            bench.ctx.accounts.impersonate(args.next::<Address>()?, false);
            Ok(())
        },
    );
    declare.add(
        &["anvil_autoImpersonateAccount", "hardhat_autoImpersonateAccount"],
        "Begins or ends the impersonation of every account.",
        &[required("enabled", Schema::Bool)],
        Schema::Null,
        |bench, mut args| {
            bench.ctx.accounts.impersonate_all(args.next::<bool>()?);
            Ok(())
        },
    );
}
