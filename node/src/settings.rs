//! Settings of a node: from flags, over variables, over a file, over defaults.
//!
//! ## What it promises
//! * A key that does not exist is refused, with its name, where it stands and the nearest one that does.
//! * A value of the wrong kind is refused, with the key, where it comes from, the value and what was expected.
//! * [`default_file`] is a file with all keys, what they are for and their defaults; it is read back to exactly those.
//! * [`Settings::show`] is such a file too: what is in force, and where each value comes from.
//!
//! Variables are called `MUNDI_` and the key in capitals, `HTTP_PORT` for `http.port`. Nothing here reads the environment: whoever
//! calls hands it in.

mod build;
mod consensus;
mod keys;
mod kind;

pub use keys::{KEYS, Setting};
pub use kind::{Kind, bytes as parse_size};

use keys::{find, nearest};
use std::{collections::BTreeMap, fmt, fmt::Write as _, path::PathBuf};
use toml::{Table, Value};

/// Most bytes of a file of settings.
pub const MAX_SETTINGS_BYTES: u64 = 1 << 20;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything.
    Default,
    /// A file.
    File(PathBuf),
    /// A variable of the environment.
    Variable(String),
    /// A flag.
    Flag,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag => f.write_str("command line"),
        }
    }
}

/// Settings that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Not TOML.
    #[error("{}: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// A key that does not exist.
    #[error("{origin}: there is no setting {key}{}; `mundi config default` lists all", nearest.as_ref().map(|near| format!(", did you mean {near}?")).unwrap_or_default())]
    Unknown {
        /// Where it stands.
        origin: String,
        /// The key.
        key: String,
        /// The nearest that exists.
        nearest: Option<String>,
    },
    /// A value of the wrong kind.
    #[error("{key} ({origin}): expected {expected}, got {got}")]
    Value {
        /// The key.
        key: &'static str,
        /// Where the value comes from.
        origin: Source,
        /// What would be right.
        expected: String,
        /// What it is.
        got: String,
    },
    /// Values that do not go together, or name a file that is no good.
    #[error("{0}")]
    Contradiction(String),
}

/// Settings in force.
#[derive(Clone, Debug)]
pub struct Settings {
    values: BTreeMap<&'static str, (Value, Source)>,
}

impl Default for Settings {
    fn default() -> Self {
        let value = |text: &str| {
            let mut table: Table = format!("x = {text}").parse().expect("defaults are values");
            table.remove("x").expect("it was just there")
        };
        let default = |key: &Setting| Some((key.name, (value(key.default?), Source::Default)));
        Self { values: KEYS.iter().filter_map(default).collect() }
    }
}

impl Settings {
    /// What a file says goes before what is there.
    pub fn with_file(mut self, path: impl Into<PathBuf>, text: &str) -> Result<Self, SettingsError> {
        let path = path.into();
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let reason = error.to_string().trim_end().to_owned();
            SettingsError::Syntax { path: path.clone(), reason }
        })?;
        for (name, value) in table {
            match value {
                Value::Table(section) => {
                    for (inner, value) in section {
                        self.put(&format!("{name}.{inner}"), value, Source::File(path.clone()))?;
                    }
                }
                value => self.put(&name, value, Source::File(path.clone()))?,
            }
        }
        Ok(self)
    }

    /// What variables say goes before what is there. Those that are not called `MUNDI_…` are passed over, and so are `others` and
    /// those whose names are like that of no setting; one that is spelt almost like a setting is refused.
    pub fn with_variables(
        mut self,
        variables: impl IntoIterator<Item = (String, String)>,
        others: &[&str],
    ) -> Result<Self, SettingsError> {
        for (variable, text) in variables {
            let Some(name) = variable.strip_prefix("MUNDI_") else { continue };
            if others.contains(&variable.as_str()) {
                continue;
            }
            match KEYS.iter().find(|key| key.variable() == variable) {
                Some(key) => self.put(key.name, key.kind.read(&text), Source::Variable(variable))?,
                None => {
                    let settings = KEYS.iter().map(|key| key.variable()["MUNDI_".len()..].to_owned());
                    if let Some(nearest) = nearest(name, settings) {
                        let nearest = Some(format!("MUNDI_{nearest}"));
                        let origin = "environment".into();
                        return Err(SettingsError::Unknown { origin, key: variable, nearest });
                    }
                }
            }
        }
        Ok(self)
    }

    /// What flags say goes before what is there.
    pub fn with_flags<'a>(
        mut self,
        flags: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, SettingsError> {
        for (name, text) in flags {
            let kind = find(name).map_or(Kind::Text, |key| key.kind);
            self.put(name, kind.read(text), Source::Flag)?;
        }
        Ok(self)
    }

    fn put(&mut self, name: &str, value: Value, source: Source) -> Result<(), SettingsError> {
        let Some(key) = find(name) else {
            let nearest = nearest(name, KEYS.iter().map(|key| key.name.to_owned()));
            return Err(SettingsError::Unknown { origin: source.to_string(), key: name.into(), nearest });
        };
        key.kind.check(&value).map_err(|expected| {
            let got = value.to_string();
            SettingsError::Value { key: key.name, origin: source.clone(), expected, got }
        })?;
        self.values.insert(key.name, (value, source));
        Ok(())
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name).map(|(value, _)| value)
    }

    fn source(&self, name: &str) -> Option<&Source> {
        self.values.get(name).map(|(_, source)| source)
    }

    /// What is in force, as a file, with where each value comes from.
    pub fn show(&self) -> String {
        file(|key| match self.values.get(key.name) {
            Some((value, source)) => format!("{} = {value}  # {source}", last(key.name)),
            None => format!("# {} is not set", last(key.name)),
        })
    }
}

/// A file with all settings, what they are for and their defaults.
pub fn default_file() -> String {
    let mut text = String::from(
        "# Settings of a Mundi node: mundi node --config node.toml\n\
         # Flags (--http.port 8545) go before variables (MUNDI_HTTP_PORT), and these before this file.\n\
         # What begins with # has the value that is shown, or none.\n\n",
    );
    text.push_str(&file(|key| {
        let mut entry = String::new();
        for line in wrapped(key.help) {
            let _ = writeln!(entry, "# {line}");
        }
        let value = key.default.unwrap_or(key.example);
        let _ =
            write!(entry, "{}{} = {value}", if key.default.is_none() { "# " } else { "" }, last(key.name));
        entry
    }));
    text
}

/// A file of one entry for each key, in sections.
fn file(entry: impl Fn(&Setting) -> String) -> String {
    let mut text = String::new();
    let mut section = "";
    for key in KEYS {
        let of = key.name.split_once('.').map_or("", |(section, _)| section);
        if of != section {
            let _ = writeln!(text, "\n[{of}]");
            section = of;
        }
        let _ = writeln!(text, "{}", entry(key));
    }
    text
}

fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Lines of at most about a hundred letters.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is one from the start");
        if !line.is_empty() && line.len() + word.len() >= 100 {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
