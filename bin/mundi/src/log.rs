//! Log lines: for people, or JSON for programs. On standard error.

use eyre::WrapErr as _;
use mundi_network::dashboard::{grouped, time_of_day};
use std::{
    fmt::{self, Write as _},
    io::{self, IsTerminal as _},
    time::SystemTime,
};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    EnvFilter,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Pretty,
    /// For programs.
    Json,
}

/// Libraries that tell more than a node's operator wants to know; who names them gets all of it.
const QUIET: &str = "commonware=error,fjall=warn,lsm_tree=warn";

/// Writes log lines from here on: of a level and above, or as in `info,ledger=debug` of different ones by part.
pub(crate) fn start(format: LogFormat, level: &str) -> eyre::Result<()> {
    let filter = EnvFilter::try_new(format!("{QUIET},{level}")).wrap_err_with(|| {
        format!("`{level}` is no level of log lines: expected as in info or info,ledger=debug")
    })?;
    // A line that cannot be written is lost. To say so on standard error, as is the default, would be to panic.
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).log_internal_errors(false);
    match format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Pretty => {
            let color = io::stderr().is_terminal()
                && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            builder.event_format(People { color }).try_init()
        }
    }
    .map_err(|error| eyre::eyre!("cannot write log lines: {error}"))
}

/// A line as people like to read it.
struct People {
    color: bool,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>, N: for<'w> FormatFields<'w> + 'static> FormatEvent<S, N>
    for People
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = Line::default();
        event.record(&mut line);
        let (dim, plain) = if self.color { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
        write!(out, "{dim}{}{plain} ", time_of_day(SystemTime::now()))?;
        let (name, color) = match *event.metadata().level() {
            Level::ERROR => ("error ", "\x1b[31m"),
            Level::WARN => ("warning ", "\x1b[33m"),
            Level::INFO => ("", ""),
            Level::DEBUG => ("debug ", "\x1b[34m"),
            Level::TRACE => ("trace ", "\x1b[35m"),
        };
        if self.color {
            write!(out, "{color}{name}{plain}")?
        } else {
            out.write_str(name)?
        }
        if event.metadata().target() == "block" && line.has("height") && line.message.is_empty() {
            return writeln!(out, "{}", block(&line, self.color)?);
        }
        write!(out, "{}", line.message)?;
        for (name, value) in &line.fields {
            write!(out, "  {dim}{name}{plain} {value}")?;
        }
        writeln!(out)
    }
}

/// Of fewer transactions rates say nothing.
const MANY: u64 = 20;

/// What a block's line says.
fn block(line: &Line, color: bool) -> Result<String, fmt::Error> {
    let (bold, plain) = if color { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
    let get = |name| line.get(name).unwrap_or_default();
    let number = |name| get(name).parse::<u64>().unwrap_or_default();
    let mut text = String::new();
    let hash = get("hash");
    write!(text, "block {bold}{}{plain}  {}", get("height"), hash.get(..10).unwrap_or(hash))?;
    let transactions = number("transactions");
    write!(text, "  {} transaction{}", grouped(transactions), if transactions == 1 { "" } else { "s" })?;
    if number("skipped") > 0 {
        write!(text, " ({} left out)", grouped(number("skipped")))?;
    }
    write!(text, "  {} gas", grouped(number("gas")))?;
    write!(
        text,
        "  execute {} ms, root {} ms, write {} ms",
        get("execute_ms"),
        get("root_ms"),
        get("write_ms")
    )?;
    if number("transactions") >= MANY {
        if let Ok(milliseconds) = get("execute_ms").parse::<f64>() {
            write!(text, "  {:.0} Mgas/s", number("gas") as f64 / milliseconds.max(0.01) / 1e3)?;
        }
        if let Some(speed_up) = line.get("speed_up").and_then(|text| text.parse::<f64>().ok()) {
            write!(text, "  {speed_up:.2}x on {} threads", get("threads"))?;
        }
    }
    Ok(text)
}

/// What an event says.
#[derive(Default)]
struct Line {
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Line {
    fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value.as_str())
    }

    fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    fn put(&mut self, field: &Field, value: String) {
        match field.name() {
            "message" => self.message = value,
            // Where in a library's source it was said that speaks through the crate `log`.
            name if name.starts_with("log.") => {}
            name => self.fields.push((name, value)),
        }
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn where_a_library_said_something_is_left_out() {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .event_format(People { color: false })
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(log.target = "library", log.line = 7, peers = 3, "said");
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert!(text.ends_with(" said  peers 3\n"), "{text}");
    }

    #[test]
    fn a_block_is_a_line() {
        let mut line = Line::default();
        for (name, value) in [
            ("height", "1207"),
            ("hash", "0x3f2a9c0d11223344"),
            ("transactions", "12345"),
            ("skipped", "2"),
            ("gas", "259245000"),
            ("execute_ms", "41.3"),
            ("root_ms", "22"),
            ("write_ms", "3.1"),
        ] {
            line.fields.push((name, value.to_owned()));
        }
        assert_eq!(
            block(&line, false).unwrap(),
            "block 1207  0x3f2a9c0d  12,345 transactions (2 left out)  259,245,000 gas  \
             execute 41.3 ms, root 22 ms, write 3.1 ms  6277 Mgas/s"
        );
    }
}
