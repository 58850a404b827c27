//! What the fuzz of requests finds in methods that are right, and in methods that are wrong in one way.

use jsonrpsee::{
    RpcModule,
    types::{ErrorObjectOwned, Params},
};
use mundi_rpc_context::{Cost, MethodSpec, Param, RpcError, Schema, optional, required};
use mundi_rpc_server::fuzz::{Finding, Problem, run};
use serde_json::{Value, json};

const ACCOUNT: Schema =
    Schema::Object(&[("address", Schema::Address, true), ("nonce", Schema::Quantity, true)]);

/// What a method answers to its parameters.
type Handler = fn(Vec<Value>) -> Result<Value, RpcError>;
/// Whether a problem is the one.
type Expected = fn(&Problem) -> bool;

async fn findings(params: &[Param], result: Schema, handler: Handler) -> Vec<Finding> {
    let mut module = RpcModule::new(());
    module
        .register_method::<Result<Value, ErrorObjectOwned>, _>(
            "eth_test",
            move |params: Params<'_>, (), _| {
                let params =
                    params.parse::<Option<Vec<Value>>>().map_err(|_| RpcError::invalid_params("no list"))?;
                handler(params.unwrap_or_default()).map_err(Into::into)
            },
        )
        .unwrap();
    let spec =
        MethodSpec { name: "eth_test", summary: "", params: params.to_vec(), result, cost: Cost::Light };
    let report = run(module, &[spec], 1, 60).await;
    assert_eq!(report.answers.len(), 1);
    report.findings
}

/// The account at an address, which has to be one.
fn account(params: Vec<Value>) -> Result<Value, RpcError> {
    let address =
        params.first().and_then(Value::as_str).filter(|text| text.len() == 42 && text.starts_with("0x"));
    let address = address.ok_or_else(|| RpcError::invalid_params("not an address"))?;
    match params.get(1) {
        Some(block) if block.is_array() => Err(RpcError::invalid_params("not a block")),
        _ => Ok(json!({"address": address, "nonce": "0x1"})),
    }
}

fn params() -> [Param; 2] {
    [required("address", Schema::Address), optional("block", Schema::BlockId)]
}

#[tokio::test]
async fn a_method_that_is_right_is_left_alone() {
    assert_eq!(findings(&params(), ACCOUNT, account).await, []);
}

#[tokio::test]
async fn the_same_seed_finds_the_same() {
    let wrong: Handler = |params| account(params).map(|_| json!(1));
    assert_eq!(findings(&params(), ACCOUNT, wrong).await, findings(&params(), ACCOUNT, wrong).await);
}

#[tokio::test]
async fn wrong_methods_are_found() {
    let wrong: [(Handler, Expected); 6] = [
        (|_| panic!("a fault"), |problem| *problem == Problem::Internal),
        (|_| Err(RpcError::new(-32603, "our fault")), |problem| *problem == Problem::Internal),
        (|_| Err(RpcError::new(-1, "?")), |problem| *problem == Problem::UnknownCode(-1)),
        (
            |params| account(params).map(|_| json!({"address": "0x1", "nonce": "0x1"})),
            |problem| matches!(problem, Problem::Form(form) if form.contains("$.address")),
        ),
        (
            |params| account(params).map_err(|_| RpcError::not_found("no")),
            |problem| *problem == Problem::WrongCode(-32001),
        ),
        (
            |_| Ok(json!({"address": format!("0x{}", "00".repeat(20)), "nonce": "0x0"})),
            |problem| matches!(problem, Problem::Accepted(_)),
        ),
    ];
    for (index, (handler, expected)) in wrong.into_iter().enumerate() {
        let findings = findings(&params(), ACCOUNT, handler).await;
        assert!(findings.iter().any(|finding| expected(&finding.problem)), "{index}: {findings:?}");
    }
}

#[tokio::test]
async fn what_was_answered_is_counted_and_what_is_not_served_is_found() {
    let mut module = RpcModule::new(());
    module.register_method::<Result<bool, ErrorObjectOwned>, _>("eth_yes", |_, (), _| Ok(true)).unwrap();
    module
        .register_method::<Result<bool, ErrorObjectOwned>, _>("eth_no", |_, (), _| {
            Err(RpcError::invalid_input("no").into())
        })
        .unwrap();
    let spec =
        |name| MethodSpec { name, summary: "", params: Vec::new(), result: Schema::Bool, cost: Cost::Light };
    let report = run(module, &[spec("eth_yes"), spec("eth_no"), spec("eth_nothing")], 1, 2).await;
    assert_eq!(report.answers["eth_yes"].results, 8);
    assert_eq!(report.answers["eth_no"].errors, 8);
    assert_eq!(report.without_results(), ["eth_no"]);
    assert_eq!(report.findings.len(), 1);
    assert_eq!(report.findings[0].problem, Problem::NotServed);
}
