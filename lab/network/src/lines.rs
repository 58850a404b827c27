//! Lines of what a process writes, whatever it writes.

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};

/// Most bytes of a line; what is longer is cut.
pub(crate) const MAX_LINE: usize = 8 << 10;

/// Reads the next line into `line`, cleaned: without control characters, which could do anything to a terminal, and at most
/// [`MAX_LINE`] long. `false`: there are no more.
pub(crate) async fn next(reader: &mut (impl AsyncBufRead + Unpin), line: &mut String) -> bool {
    let mut bytes = Vec::new();
    let mut any = false;
    while let Ok(chunk) = reader.fill_buf().await {
        if chunk.is_empty() {
            break;
        }
        any = true;
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let part = &chunk[..end.unwrap_or(chunk.len())];
        bytes.extend_from_slice(&part[..part.len().min(MAX_LINE + 1 - bytes.len())]);
        let used = end.map_or(chunk.len(), |end| end + 1);
        reader.consume(used);
        if end.is_some() {
            break;
        }
    }
    let cut = bytes.len() > MAX_LINE;
    bytes.truncate(MAX_LINE);
    clean(&String::from_utf8_lossy(&bytes), line);
    if cut {
        line.push('…');
    }
    any
}

/// Without colours and control characters.
fn clean(text: &str, into: &mut String) {
    into.clear();
    let mut characters = text.trim_end().chars();
    while let Some(character) = characters.next() {
        match character {
            // The sequences that set colours: from ESC [ to a letter.
            '\x1b' => {
                if characters.next() == Some('[') {
                    let _ = characters.by_ref().find(char::is_ascii_alphabetic);
                }
            }
            '\t' => into.push(' '),
            character if character.is_control() => into.push('?'),
            character => into.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(bytes: &[u8]) -> Vec<String> {
        let mut reader = tokio::io::BufReader::with_capacity(16, bytes);
        let (mut lines, mut line) = (Vec::new(), String::new());
        while next(&mut reader, &mut line).await {
            lines.push(line.clone());
        }
        lines
    }

    #[tokio::test]
    async fn lines_are_what_lies_between_newlines() {
        assert_eq!(lines(b"one\r\n\ntwo\nthree").await, ["one", "", "two", "three"]);
        assert_eq!(lines(b"").await, [""; 0]);
    }

    #[tokio::test]
    async fn nothing_gets_through_that_moves_a_cursor() {
        assert_eq!(
            lines(b"\x1b[31merror\x1b[0m a\tb\x07\x1b]0;t\n\xff\n").await,
            ["error a b?0;t", "\u{fffd}"]
        );
    }

    #[tokio::test]
    async fn long_lines_are_cut() {
        let long = [vec![b'a'; 3 * MAX_LINE], b"\nnext\n".to_vec()].concat();
        let lines = lines(&long).await;
        assert_eq!(lines[0].len(), MAX_LINE + "…".len());
        assert_eq!(lines[1..], ["next"]);
    }
}
