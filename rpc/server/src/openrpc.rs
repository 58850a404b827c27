//! The OpenRPC document, made of the methods' declarations.

use jsonrpsee::{RpcModule, core::server::Methods};
use mundi_rpc_context::{MethodSpec, Schema};
use serde::Serialize;
use serde_json::{Map, Value, json, value::RawValue};
use std::sync::Arc;

/// The version of the specification.
const OPENRPC: &str = "1.3.2";

/// Forms that have a name of their own.
const NAMED: [(&str, Schema, &str); 6] = [
    ("Quantity", Schema::Quantity, "hexadecimal quantity without leading zeros"),
    ("Address", Schema::Address, "20 bytes, hexadecimal"),
    ("Hash", Schema::Hash, "32 bytes, hexadecimal"),
    ("Bytes", Schema::Bytes, "bytes, hexadecimal"),
    ("BlockTag", Schema::BlockTag, "height or tag of a block"),
    ("BlockId", Schema::BlockId, "height, tag or hash of a block, or an object of EIP-1898"),
];

/// The OpenRPC 1.3 document of these methods.
pub fn openrpc(specs: &[MethodSpec], version: &str) -> Value {
    let mut document = Document { objects: Vec::new(), components: Map::new() };
    for (name, schema, title) in NAMED {
        let mut form = match schema {
            Schema::BlockTag => {
                json!({"anyOf": [reference("Quantity"), schema.to_json()["anyOf"][1].clone()]})
            }
            Schema::BlockId => {
                json!({"anyOf": [reference("BlockTag"), reference("Hash"), {"type": "object"}]})
            }
            schema => schema.to_json(),
        };
        form["title"] = title.into();
        document.components.insert(name.to_owned(), form);
    }
    let mut specs: Vec<_> = specs.iter().collect();
    specs.sort_by_key(|spec| spec.name);
    let methods: Vec<_> = specs.iter().map(|spec| document.method(spec)).collect();
    json!({
        "openrpc": OPENRPC,
        "info": {
            "title": "Mundi JSON-RPC",
            "description": "Ethereum JSON-RPC of a Mundi node",
            "version": version,
        },
        "methods": methods,
        "components": {"schemas": document.components},
    })
}

struct Document {
    /// Objects that were described before, with the names of their components.
    objects: Vec<(Schema, String)>,
    components: Map<String, Value>,
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

impl Document {
    fn method(&mut self, spec: &MethodSpec) -> Value {
        let params: Vec<_> = spec
            .params
            .iter()
            .map(|param| {
                let place = format!("{}_{}", spec.name, param.name);
                json!({"name": param.name, "required": param.required, "schema": self.schema(&param.schema, &place)})
            })
            .collect();
        let result = self.schema(&spec.result, &format!("{}_result", spec.name));
        json!({
            "name": spec.name,
            "summary": spec.summary,
            "paramStructure": "by-position",
            "params": params,
            "result": {"name": "result", "schema": result},
        })
    }

    /// A form, in which everything that has a name is referred to. Objects get the name of the place where they were met first.
    fn schema(&mut self, schema: &Schema, place: &str) -> Value {
        if let Some((name, ..)) = NAMED.iter().find(|(_, named, _)| named == schema) {
            return reference(name);
        }
        match *schema {
            Schema::Array(items) => json!({"type": "array", "items": self.schema(items, place)}),
            Schema::Nullable(inner) => json!({"anyOf": [{"type": "null"}, self.schema(inner, place)]}),
            Schema::Map(values) => {
                json!({"type": "object", "additionalProperties": self.schema(values, place)})
            }
            Schema::OneOf(forms) => {
                let forms: Vec<_> = forms
                    .iter()
                    .enumerate()
                    .map(|(index, form)| {
                        let place = if index == 0 { place.to_owned() } else { format!("{place}_{index}") };
                        self.schema(form, &place)
                    })
                    .collect();
                json!({"anyOf": forms})
            }
            Schema::Object(fields) => {
                if let Some((_, name)) = self.objects.iter().find(|(known, _)| known == schema) {
                    return reference(name);
                }
                let mut name = place.to_owned();
                while self.components.contains_key(&name) {
                    name.push('_');
                }
                self.objects.push((*schema, name.clone()));
                self.components.insert(name.clone(), Value::Null);
                let mut properties = Map::new();
                let mut required = Vec::new();
                for (field, form, needed) in fields {
                    properties.insert((*field).to_owned(), self.schema(form, &format!("{name}_{field}")));
                    if *needed {
                        required.push(*field);
                    }
                }
                let object = json!({"type": "object", "properties": properties, "required": required});
                self.components.insert(name.clone(), object);
                reference(&name)
            }
            plain => plain.to_json(),
        }
    }
}

/// A document that is made once and copied as text.
#[derive(Clone)]
struct Prepared(Arc<RawValue>);

impl Serialize for Prepared {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// The same methods, and `rpc_discover` and `rpc.discover`, which list them, unless they have these names themselves.
pub(crate) fn discoverable(mut methods: Methods, specs: &[MethodSpec], version: &str) -> Methods {
    let mut specs = specs.to_vec();
    specs.push(MethodSpec {
        name: "rpc_discover",
        summary: "Describes the methods that are served here, in OpenRPC.",
        params: Vec::new(),
        result: Schema::Any,
        cost: mundi_rpc_context::Cost::Light,
    });
    let document = serde_json::value::to_raw_value(&openrpc(&specs, version)).expect("a JSON value is JSON");
    let mut module = RpcModule::new(Prepared(document.into()));
    for name in ["rpc_discover", "rpc.discover"] {
        if methods.method(name).is_none() {
            module
                .register_method::<Result<Prepared, jsonrpsee::types::ErrorObjectOwned>, _>(
                    name,
                    |_, document, _| Ok(document.clone()),
                )
                .expect("the module has no such method yet");
        }
    }
    methods.merge(module).expect("these methods are not there yet");
    methods
}

#[cfg(test)]
mod tests {
    use super::*;
    use mundi_rpc_context::{Cost, optional, required};

    const LOG: Schema = Schema::Object(&[("address", Schema::Address, true), ("data", Schema::Bytes, false)]);

    fn specs() -> Vec<MethodSpec> {
        let spec =
            |name, params, result| MethodSpec { name, summary: "Does.", params, result, cost: Cost::Light };
        vec![
            spec("eth_logs", vec![required("block", Schema::BlockId)], Schema::Array(&LOG)),
            spec("eth_log", vec![optional("hash", Schema::Hash)], Schema::Nullable(&LOG)),
        ]
    }

    #[test]
    fn methods_are_sorted_and_forms_shared() {
        let document = openrpc(&specs(), "1.2.3");
        assert_eq!(document["openrpc"], "1.3.2");
        assert_eq!(document["info"]["version"], "1.2.3");
        let [first, second] = document["methods"].as_array().unwrap().as_slice() else {
            panic!("two methods")
        };
        assert_eq!(first["name"], "eth_log");
        assert_eq!(first["params"][0]["required"], false);
        assert_eq!(first["result"]["schema"]["anyOf"][1]["$ref"], "#/components/schemas/eth_log_result");
        assert_eq!(second["result"]["schema"]["items"]["$ref"], "#/components/schemas/eth_log_result");
        assert_eq!(second["params"][0]["schema"]["$ref"], "#/components/schemas/BlockId");
        let log = &document["components"]["schemas"]["eth_log_result"];
        assert_eq!(log["required"], json!(["address"]));
        assert_eq!(log["properties"]["data"]["$ref"], "#/components/schemas/Bytes");
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn check(value: &Value, schemas: &Map<String, Value>) {
            match value {
                Value::Object(fields) => {
                    if let Some(name) = fields.get("$ref") {
                        let name = name.as_str().unwrap().strip_prefix("#/components/schemas/").unwrap();
                        assert!(schemas.contains_key(name), "{name}");
                    }
                    fields.values().for_each(|value| check(value, schemas));
                }
                Value::Array(items) => items.iter().for_each(|value| check(value, schemas)),
                _ => {}
            }
        }
        let document = openrpc(&specs(), "1");
        check(&document, document["components"]["schemas"].as_object().unwrap());
    }

    #[tokio::test]
    async fn a_client_can_ask_for_the_document() {
        let methods = discoverable(Methods::new(), &specs(), "1");
        for name in ["rpc_discover", "rpc.discover"] {
            let document: Value =
                methods.call(name, jsonrpsee::core::EmptyServerParams::new()).await.unwrap();
            assert_eq!(document["methods"].as_array().unwrap().len(), 3);
        }
    }
}
