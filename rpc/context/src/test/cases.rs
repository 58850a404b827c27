//! Running the cases.

use crate::Methods;
use serde_json::Value;
use std::{collections::BTreeMap, fs, io::Read, path::PathBuf, sync::OnceLock};

/// Most notifications that wait while a case runs; cases have none.
const NOTIFICATIONS: usize = 16;

/// All files of the JSON-RPC fixtures, by their path from the folder of cases on.
fn files() -> Option<&'static BTreeMap<String, Vec<u8>>> {
    static FILES: OnceLock<Option<BTreeMap<String, Vec<u8>>>> = OnceLock::new();
    FILES.get_or_init(read).as_ref()
}

fn read() -> Option<BTreeMap<String, Vec<u8>>> {
    let folder = std::env::var_os("MUNDI_FIXTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        PathBuf::from,
    );
    let Ok(file) = fs::File::open(folder.join("rpc.tar.gz")) else {
        println!("SKIPPED: there is no rpc.tar.gz in {}; set MUNDI_FIXTURES", folder.display());
        return None;
    };
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let mut files = BTreeMap::new();
    for entry in archive.entries().expect("rpc.tar.gz is an archive") {
        let mut entry = entry.expect("rpc.tar.gz is whole");
        let path = entry.path().expect("names are text").into_owned();
        let name: Vec<_> = path
            .iter()
            .skip_while(|part| *part != "tests")
            .skip(1)
            .map(|part| part.to_string_lossy())
            .collect();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("rpc.tar.gz is whole");
        files.insert(name.join("/"), content);
    }
    Some(files)
}

pub(super) fn file(name: &str) -> Option<Vec<u8>> {
    Some(files()?.get(name).expect("the fixtures have the file").clone())
}

/// The text of a case, as in `debug_traceTransaction/trace-legacy-transfer.io`. `None` without the fixtures.
///
/// # Panics
/// If the fixtures have no such case.
pub fn case(name: &str) -> Option<String> {
    file(name).map(|content| String::from_utf8_lossy(&content).into_owned())
}

/// Runs one request in process and gives the response.
///
/// # Panics
/// If the request is no JSON-RPC request.
pub fn run_request(methods: &Methods, request: &str) -> Value {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime can be made");
    let (response, _) = runtime
        .block_on(methods.module.raw_json_request(request, NOTIFICATIONS))
        .expect("the request is one of JSON-RPC");
    serde_json::from_str(response.get()).expect("responses are JSON")
}

/// Runs the cases of all methods that `wanted` names, in the order of the suite, and gives their number; errors list what
/// failed. Zero without the fixtures.
///
/// Results are compared as JSON, and with the schema that the method declares; of errors the codes. Of cases marked
/// `speconly` only the fields of the result are compared.
pub fn run_cases(methods: &Methods, wanted: impl Fn(&str) -> bool) -> Result<usize, String> {
    let (mut run, mut failed) = (0, Vec::new());
    for (name, content) in files().into_iter().flatten() {
        let Some((method, case)) = name.split_once('/') else { continue };
        if !case.ends_with(".io") || !wanted(method) {
            continue;
        }
        run += 1;
        if let Err(error) = run_case(methods, &String::from_utf8_lossy(content)) {
            failed.push(format!("{name}: {error}"));
        }
    }
    if failed.is_empty() {
        Ok(run)
    } else {
        Err(format!("{} of {run} cases failed\n{}", failed.len(), failed.join("\n")))
    }
}

fn run_case(methods: &Methods, case: &str) -> Result<(), String> {
    let shape_only = case.lines().any(|line| line.starts_with("//") && line.contains("speconly"));
    let mut got = Value::Null;
    for line in case.lines() {
        if let Some(request) = line.strip_prefix(">> ") {
            got = run_request(methods, request);
            check_schema(methods, request, &got)?;
        } else if let Some(wanted) = line.strip_prefix("<< ") {
            let wanted: Value = serde_json::from_str(wanted).map_err(|error| error.to_string())?;
            compare(&wanted, &got, shape_only)?;
        }
    }
    Ok(())
}

fn check_schema(methods: &Methods, request: &str, response: &Value) -> Result<(), String> {
    let request: Value = serde_json::from_str(request).map_err(|error| error.to_string())?;
    let spec = methods.specs().iter().find(|spec| request["method"] == spec.name);
    match (spec, response.get("result")) {
        (Some(spec), Some(result)) => {
            spec.result.check(result).map_err(|error| format!("not of the declared form: result{error}"))
        }
        _ => Ok(()),
    }
}

fn compare(wanted: &Value, got: &Value, shape_only: bool) -> Result<(), String> {
    match (wanted.get("error"), got.get("error")) {
        (Some(wanted), Some(got)) if shape_only || wanted["code"] == got["code"] => Ok(()),
        (Some(wanted), Some(got)) => Err(format!("expected the error {wanted}, got the error {got}")),
        (Some(wanted), None) => Err(format!("expected the error {wanted}, got {got}")),
        (None, Some(got)) => Err(format!("expected a result, got the error {got}")),
        (None, None) => difference(&wanted["result"], &got["result"], shape_only)
            .map_or(Ok(()), |difference| Err(format!("result{difference}"))),
    }
}

/// Where two values differ first.
fn difference(wanted: &Value, got: &Value, shape_only: bool) -> Option<String> {
    match (wanted, got) {
        (Value::Object(wanted), Value::Object(got)) => {
            if let Some(key) = got.keys().find(|key| !wanted.contains_key(*key)) {
                return Some(format!(".{key}: expected nothing, got {}", got[key]));
            }
            wanted.iter().find_map(|(key, wanted)| match got.get(key) {
                None => Some(format!(".{key}: expected {wanted}, got nothing")),
                Some(got) => {
                    difference(wanted, got, shape_only).map(|difference| format!(".{key}{difference}"))
                }
            })
        }
        (Value::Array(_), Value::Array(_)) if shape_only => None,
        (Value::Array(wanted), Value::Array(got)) if wanted.len() == got.len() => {
            let mut pairs = wanted.iter().zip(got).enumerate();
            pairs.find_map(|(index, (wanted, got))| {
                difference(wanted, got, shape_only).map(|difference| format!("[{index}]{difference}"))
            })
        }
        (wanted, got) => {
            let same = if shape_only {
                std::mem::discriminant(wanted) == std::mem::discriminant(got)
            } else {
                wanted == got
            };
            (!same).then(|| format!(": expected {wanted}, got {got}"))
        }
    }
}
