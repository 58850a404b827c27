//! Signatures with the node's keys.

use crate::node::{Node, account};
use alloy_primitives::{Bytes, Signature, eip191_hash_message};
use mundi_consensus::Mining;
use serde_json::json;

#[test]
fn messages_are_signed_by_the_account_that_was_asked() {
    let node = Node::new(Mining::Manual);
    let message = Bytes::from_static(b"hello");
    let signed = node.call("personal_sign", json!([message, account(1)]));
    assert_eq!(node.call("eth_sign", json!([account(1), message])), signed);
    let signature: Bytes = serde_json::from_value(signed).unwrap();
    assert!([27, 28].contains(&signature[64]));
    let signature = Signature::from_raw(&signature).unwrap();
    let signer = signature.recover_address_from_prehash(&eip191_hash_message(&message)).unwrap();
    assert_eq!(signer, account(1));
    assert_eq!(node.code("eth_sign", json!([alloy_primitives::Address::ZERO, message])), -32000);
}

#[test]
fn typed_data_is_signed_as_object_and_as_text() {
    let node = Node::new(Mining::Manual);
    // The example of EIP-712.
    let data = json!({
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"}
            ],
            "Person": [{"name": "name", "type": "string"}, {"name": "wallet", "type": "address"}],
            "Mail": [
                {"name": "from", "type": "Person"},
                {"name": "to", "type": "Person"},
                {"name": "contents", "type": "string"}
            ]
        },
        "primaryType": "Mail",
        "domain": {
            "name": "Ether Mail",
            "version": "1",
            "chainId": 1,
            "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC"
        },
        "message": {
            "from": {"name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"},
            "to": {"name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"},
            "contents": "Hello, Bob!"
        }
    });
    let signed = node.call("eth_signTypedData_v4", json!([account(0), data]));
    assert_eq!(node.call("eth_signTypedData_v4", json!([account(0), data.to_string()])), signed);
    let digest = "0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2".parse().unwrap();
    let signature: Bytes = serde_json::from_value(signed).unwrap();
    let signature = Signature::from_raw(&signature).unwrap();
    assert_eq!(signature.recover_address_from_prehash(&digest).unwrap(), account(0));
    for wrong in [json!({}), json!("{"), json!(7)] {
        assert_eq!(node.code("eth_signTypedData_v4", json!([account(0), wrong])), -32602);
    }
}
