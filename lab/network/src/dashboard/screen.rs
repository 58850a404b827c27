//! The terminal.

use rustix::termios::{self, LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use std::io::{self, IsTerminal as _, Write as _};

/// How large a terminal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Characters in a line.
    pub columns: u16,
    /// Lines.
    pub rows: u16,
}

/// The terminal while something is drawn on it: a screen beside the usual one, without a cursor, on which typing leaves no traces.
/// Ctrl-C works as ever. It is as it was when this is dropped.
#[derive(Debug)]
pub struct Screen {
    before: Option<Termios>,
}

/// The other screen, no cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
/// The usual screen, with a cursor.
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

impl Screen {
    /// Takes the terminal, if standard output is one.
    pub fn enter() -> io::Result<Option<Self>> {
        let mut out = io::stdout();
        if !out.is_terminal() || Self::size().is_none() {
            return Ok(None);
        }
        let before = io::stdin().is_terminal().then(|| termios::tcgetattr(io::stdin())).transpose()?;
        if let Some(before) = &before {
            let mut quiet = before.clone();
            quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON);
            // Asleep, it would hold up the nodes, whose log lines nobody would read.
            quiet.special_codes[SpecialCodeIndex::VSUSP] = 0;
            // Ctrl-\ would leave the nodes without a supervisor, and the terminal as it is now.
            quiet.special_codes[SpecialCodeIndex::VQUIT] = 0;
            termios::tcsetattr(io::stdin(), OptionalActions::Now, &quiet)?;
        }
        let screen = Self { before };
        out.write_all(ENTER.as_bytes())?;
        out.flush()?;
        Ok(Some(screen))
    }

    /// How large it is now.
    pub fn size() -> Option<Size> {
        let size = termios::tcgetwinsize(io::stdout()).ok()?;
        (size.ws_col > 0 && size.ws_row > 0).then_some(Size { columns: size.ws_col, rows: size.ws_row })
    }

    /// Draws lines from the top, all at once.
    pub fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        // Terminals that know the first and last sequence show nothing half drawn.
        let mut text = String::from("\x1b[?2026h\x1b[H");
        for (number, line) in lines.iter().enumerate() {
            if number > 0 {
                text.push_str("\r\n");
            }
            text.push_str(line);
            text.push_str("\x1b[K");
        }
        text.push_str("\x1b[J\x1b[?2026l");
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let mut out = io::stdout();
        // A terminal that is gone needs no tidying up.
        let _ = out.write_all(LEAVE.as_bytes()).and_then(|()| out.flush());
        if let Some(before) = &self.before {
            let _ = termios::tcsetattr(io::stdin(), OptionalActions::Flush, before);
        }
    }
}
