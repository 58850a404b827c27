//! Requests: valid ones, and those that are wrong in one way.

use mundi_rpc_context::{MethodSpec, Schema};
use serde_json::{Map, Value, json};

/// Strings of one kind that are remembered from answers.
const REMEMBERED: usize = 256;
/// Fields with hashes that can be asked for.
const NAMES_OF_HASHES: [&str; 4] = ["hash", "blockHash", "transactionHash", "parentHash"];
/// Nesting that no parser follows.
const DEEP: usize = 5_000;

/// What a request has to be answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// A result, or an error with a reason.
    Either,
    /// An error.
    Error,
    /// Error −32602.
    InvalidParams,
}

/// Makes requests; the same seed and the same answers make the same ones.
pub(crate) struct Generator {
    state: u64,
    addresses: Vec<String>,
    hashes: Vec<String>,
    quantities: Vec<String>,
}

/// How a parameter is broken.
#[derive(Clone, Copy, Debug)]
enum Break {
    Missing,
    Null,
    WrongType,
    TooLong,
    TooLarge,
    OddHex,
    NoHex,
    Empty,
    Deep,
}

const BREAKS: [Break; 9] = [
    Break::Missing,
    Break::Null,
    Break::WrongType,
    Break::TooLong,
    Break::TooLarge,
    Break::OddHex,
    Break::NoHex,
    Break::Empty,
    Break::Deep,
];

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed, addresses: Vec::new(), hashes: Vec::new(), quantities: Vec::new() }
    }

    /// The next number, by SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    fn hex(&mut self, bytes: usize) -> String {
        let digits: String = (0..bytes).map(|_| format!("{:02x}", self.next() as u8)).collect();
        format!("0x{digits}")
    }

    /// Remembers what an answer contains.
    pub(crate) fn learn(&mut self, value: &Value) {
        match value {
            Value::String(text) if text.starts_with("0x") => {
                let known = match text.len() {
                    42 => &mut self.addresses,
                    66 => &mut self.hashes,
                    3..=8 => &mut self.quantities,
                    _ => return,
                };
                if !known.contains(text) {
                    if known.len() == REMEMBERED {
                        known.swap_remove(0);
                    }
                    known.push(text.clone());
                }
            }
            Value::Array(values) => values.iter().take(32).for_each(|value| self.learn(value)),
            Value::Object(fields) => fields.iter().for_each(|(name, value)| {
                // Most words of 32 bytes are no hashes of blocks or transactions.
                let word = value.as_str().is_some_and(|text| text.len() == 66);
                if !word || NAMES_OF_HASHES.contains(&name.as_str()) {
                    self.learn(value);
                }
            }),
            _ => {}
        }
    }

    /// A request to a method, as it should be or broken in one parameter.
    pub(crate) fn request(&mut self, spec: &MethodSpec, broken: bool) -> (Vec<u8>, Expected) {
        let required = spec.params.iter().filter(|param| param.required).count();
        let optional = spec.params.len() - required;
        let count = required + self.below(optional + 1);
        let mut params: Vec<String> =
            spec.params[..count].iter().map(|param| self.valid(&param.schema, 0).to_string()).collect();
        let mut expected = Expected::Either;
        if broken && !spec.params.is_empty() {
            let at = self.below(spec.params.len());
            while params.len() <= at {
                let schema = spec.params[params.len()].schema;
                params.push(self.valid(&schema, 0).to_string());
            }
            let (schema, needed) = (spec.params[at].schema, spec.params[at].required);
            let kind = self.pick(&BREAKS);
            match kind {
                Break::Missing => {
                    params.truncate(at);
                    if needed {
                        expected = Expected::InvalidParams;
                    }
                }
                Break::Null => {
                    params[at] = "null".to_owned();
                    if needed && !takes_null(&schema) {
                        expected = Expected::InvalidParams;
                    }
                }
                Break::WrongType => {
                    let wrong = wrong_type(&schema);
                    if let Some(wrong) = wrong {
                        params[at] = wrong.to_string();
                        expected = Expected::Error;
                    }
                }
                Break::Deep => {
                    params[at] = format!("{}{}", "[".repeat(DEEP), "]".repeat(DEEP));
                    if schema != Schema::Any {
                        expected = Expected::Error;
                    }
                }
                kind => params[at] = self.broken(kind).to_string(),
            }
        }
        let id = self.next() % 1000;
        let request = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"{}","params":[{}]}}"#,
            spec.name,
            params.join(",")
        );
        (request.into_bytes(), expected)
    }

    fn broken(&mut self, kind: Break) -> Value {
        match kind {
            Break::TooLong => match self.below(3) {
                0 => json!(self.hex(100_000)),
                1 => json!(vec!["0x00"; 5_000]),
                _ => json!("latest".repeat(10_000)),
            },
            Break::TooLarge => {
                let digits = "f".repeat(1 + self.below(80));
                self.pick_value(vec![
                    json!(format!("0x{digits}")),
                    json!(u64::MAX),
                    json!(-1),
                    json!(1.5),
                    json!(1e300),
                    json!("0xffffffffffffffff"),
                    json!("0x10000000000000000"),
                    json!(format!("0x{}", "f".repeat(64))),
                ])
            }
            Break::OddHex => self.pick_value(vec![
                json!("0x123"),
                json!("0x0"),
                json!("0x00001"),
                json!("0X12"),
                json!("0x1 "),
            ]),
            Break::NoHex => self.pick_value(vec![
                json!("0xzz"),
                json!("hello"),
                json!("12"),
                json!("0x"),
                json!("\u{0}"),
                json!("💥"),
            ]),
            _ => self.pick_value(vec![json!(""), json!([]), json!({}), json!([[]]), json!([null])]),
        }
    }

    fn pick_value(&mut self, mut values: Vec<Value>) -> Value {
        let at = self.below(values.len());
        values.swap_remove(at)
    }

    fn valid(&mut self, schema: &Schema, depth: usize) -> Value {
        match *schema {
            Schema::Any => self.pick_value(vec![json!({}), json!(null), json!("0x1"), json!(1), json!([])]),
            Schema::Null => Value::Null,
            Schema::Bool => json!(self.one_in(2)),
            Schema::Number => json!(self.next() % 100),
            Schema::Text => json!(self.pick(&["", "a", "latest", "ö"])),
            Schema::Quantity => self.quantity(),
            Schema::Address => self.known(|generator| &generator.addresses, 20),
            Schema::Hash => self.known(|generator| &generator.hashes, 32),
            Schema::Bytes => {
                let length = self.pick(&[0, 1, 4, 32, 36, 68, 200]);
                json!(self.hex(length))
            }
            Schema::BlockTag => self.tag(),
            Schema::BlockId => match self.below(8) {
                0 => self.known(|generator| &generator.hashes, 32),
                1 => {
                    json!({"blockHash": self.known(|generator| &generator.hashes, 32), "requireCanonical": self.one_in(2)})
                }
                2 => json!({"blockNumber": self.quantity()}),
                _ => self.tag(),
            },
            Schema::Enum(values) => json!(self.pick(values)),
            Schema::Array(items) => {
                let length = if depth > 3 { 0 } else { self.below(4) };
                Value::from_iter((0..length).map(|_| self.valid(items, depth + 1)).collect::<Vec<_>>())
            }
            Schema::Nullable(inner) => {
                if self.one_in(4) {
                    Value::Null
                } else {
                    self.valid(inner, depth)
                }
            }
            Schema::OneOf(forms) => {
                let form = self.pick(forms);
                self.valid(&form, depth)
            }
            Schema::Object(fields) => {
                let mut object = Map::new();
                // Few fields go together by chance.
                let chances = self.pick(&[2, 4, 16]);
                for (name, form, required) in fields {
                    if *required || (depth < 4 && self.one_in(chances)) {
                        object.insert((*name).to_owned(), self.valid(form, depth + 1));
                    }
                }
                Value::Object(object)
            }
            Schema::Map(values) => {
                let mut object = Map::new();
                if depth < 4 {
                    for _ in 0..self.below(3) {
                        let Value::String(key) = self.known(|generator| &generator.addresses, 20) else {
                            continue;
                        };
                        object.insert(key, self.valid(values, depth + 1));
                    }
                }
                Value::Object(object)
            }
        }
    }

    fn quantity(&mut self) -> Value {
        let known = self.quantities.len();
        match self.below(4) {
            0 if known > 0 => {
                let at = self.below(known);
                json!(self.quantities[at])
            }
            1 => json!(format!("{:#x}", self.next() >> self.below(64))),
            _ => json!(format!("{:#x}", self.below(64))),
        }
    }

    fn tag(&mut self) -> Value {
        match self.below(3) {
            0 => self.quantity(),
            _ => json!(self.pick(&["latest", "latest", "earliest", "pending", "safe", "finalized"])),
        }
    }

    /// Something that an answer contained, or something new.
    fn known(&mut self, of: fn(&Self) -> &Vec<String>, bytes: usize) -> Value {
        let known = of(self).len();
        if known == 0 || self.one_in(4) {
            return json!(self.hex(bytes));
        }
        let at = self.below(known);
        json!(of(self)[at])
    }

    /// A request that was damaged.
    pub(crate) fn garbled(&mut self, spec: &MethodSpec) -> Vec<u8> {
        let (mut request, _) = self.request(spec, false);
        match self.below(6) {
            0 => request.truncate(self.below(request.len())),
            1 => {
                for _ in 0..=self.below(4) {
                    let at = self.below(request.len());
                    request[at] = self.next() as u8;
                }
            }
            2 => {
                let (other, _) = self.request(spec, true);
                request = [b"[", &request[..], b",", &other[..], b",1]"].concat();
            }
            3 => request = [b"[", &request[..], b"]"].concat(),
            4 => {
                let at = self.below(request.len());
                let open = self.pick(b"[{\"\\");
                request.splice(at..at, std::iter::repeat_n(open, DEEP));
            }
            _ => {
                let length = self.below(100);
                request = (0..length).map(|_| self.next() as u8).collect();
            }
        }
        request
    }
}

fn takes_null(schema: &Schema) -> bool {
    match schema {
        Schema::Any | Schema::Null | Schema::Nullable(_) => true,
        Schema::OneOf(forms) => forms.iter().any(takes_null),
        _ => false,
    }
}

/// A value of a JSON type that no parser takes for this; `None` if there is none that is certain.
fn wrong_type(schema: &Schema) -> Option<Value> {
    match schema {
        Schema::Address
        | Schema::Hash
        | Schema::Bytes
        | Schema::Quantity
        | Schema::Text
        | Schema::Number
        | Schema::Enum(_)
        | Schema::BlockTag
        | Schema::BlockId => Some(json!([true])),
        Schema::Array(_) | Schema::Object(_) | Schema::Map(_) => Some(json!(true)),
        Schema::Bool => Some(json!({"a": 1})),
        Schema::Nullable(inner) => wrong_type(inner),
        Schema::Any | Schema::Null | Schema::OneOf(_) => None,
    }
}
