//! Where one JSON document ends and the next begins, in a stream of bytes.

use bytes::{Bytes, BytesMut};

/// Cuts a stream of JSON objects and lists into documents. Looks at each byte once, and keeps no more than one document and what was
/// read with it.
///
/// Only brackets and strings are followed: whether a document is JSON is for its parser to say.
#[derive(Debug)]
pub(crate) struct Splitter {
    buffer: BytesMut,
    /// Bytes of the buffer that were looked at.
    seen: usize,
    depth: usize,
    in_string: bool,
    escaped: bool,
    most: usize,
}

/// Why a stream cannot be cut any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// A document begins with neither `{` nor `[`.
    NotADocument,
    /// A document is larger than allowed.
    TooLarge,
}

impl Splitter {
    pub(crate) fn new(most: usize) -> Self {
        Self { buffer: BytesMut::new(), seen: 0, depth: 0, in_string: false, escaped: false, most }
    }

    /// Where the next bytes of the stream are to be written.
    pub(crate) const fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next whole document.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        while let Some(byte) = self.buffer.get(self.seen).copied() {
            self.seen += 1;
            if self.depth == 0 {
                match byte {
                    b'{' | b'[' => {
                        drop(self.buffer.split_to(self.seen - 1));
                        self.seen = 1;
                        self.depth = 1;
                    }
                    _ if byte.is_ascii_whitespace() => {}
                    _ => return Err(Broken::NotADocument),
                }
            } else if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
            } else {
                match byte {
                    b'"' => self.in_string = true,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => self.depth -= 1,
                    _ => {}
                }
            }
            if self.depth > 0 && self.seen > self.most {
                return Err(Broken::TooLarge);
            }
            if self.depth == 0 && matches!(byte, b'}' | b']') {
                return if self.seen > self.most {
                    Err(Broken::TooLarge)
                } else {
                    Ok(Some(self.buffer.split_to(std::mem::take(&mut self.seen)).freeze()))
                };
            }
        }
        if self.depth == 0 {
            self.buffer.clear();
            self.seen = 0;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a splitter makes of a stream that comes in pieces.
    fn split(pieces: &[&[u8]], most: usize) -> (Vec<String>, Option<Broken>) {
        let mut splitter = Splitter::new(most);
        let mut documents = Vec::new();
        for piece in pieces {
            splitter.buffer().extend_from_slice(piece);
            loop {
                match splitter.next() {
                    Ok(Some(document)) => documents.push(String::from_utf8(document.to_vec()).unwrap()),
                    Ok(None) => break,
                    Err(broken) => return (documents, Some(broken)),
                }
            }
        }
        (documents, None)
    }

    #[test]
    fn documents_end_at_their_last_bracket() {
        let stream = br#" {"a":"}\"]{"} [1,[2]]
{}{"b":{"c":[]}}"#;
        let expected = [r#"{"a":"}\"]{"}"#, "[1,[2]]", "{}", r#"{"b":{"c":[]}}"#];
        assert_eq!(split(&[stream], 100), (expected.map(str::to_owned).to_vec(), None));
    }

    #[test]
    fn what_is_no_document_or_too_large_breaks_the_stream() {
        assert_eq!(split(&[b"{} x"], 100), (vec!["{}".to_owned()], Some(Broken::NotADocument)));
        assert_eq!(split(&[b"[\"aaaa", b"aaaa"], 8), (vec![], Some(Broken::TooLarge)));
        assert_eq!(split(&[b"[\"aaaa\"]"], 8).1, None);
        assert_eq!(split(&[b"[\"aaaaa\"]"], 8).1, Some(Broken::TooLarge));
        assert_eq!(split(&[b"]"], 8).1, Some(Broken::NotADocument));
    }

    #[test]
    fn space_is_not_kept() {
        let mut splitter = Splitter::new(10);
        for _ in 0..100 {
            splitter.buffer().extend_from_slice(&[b' '; 1000]);
            assert_eq!(splitter.next(), Ok(None));
            assert!(splitter.buffer().is_empty());
        }
    }

    proptest! {
        #[test]
        fn splitting_does_not_depend_on_the_pieces(
            names in proptest::collection::vec(any::<String>(), 0..6),
            cuts in proptest::collection::vec(1_usize..20, 0..40),
        ) {
            let documents: Vec<String> =
                names.iter().map(|name| serde_json::json!({"method": name, "params": [name, [name]]}).to_string()).collect();
            let stream = documents.join("\n");
            let mut rest = stream.as_bytes();
            let mut pieces = Vec::new();
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            pieces.push(rest);
            prop_assert_eq!(split(&pieces, 10_000), (documents, None));
        }

        #[test]
        fn no_stream_does_harm(stream in proptest::collection::vec(prop_oneof![Just(b'{'), Just(b'['), Just(b'"'), Just(b'\\'), Just(b'}'), Just(b']'), Just(b' '), any::<u8>()], 0..200)) {
            let mut splitter = Splitter::new(50);
            splitter.buffer().extend_from_slice(&stream);
            while let Ok(Some(document)) = splitter.next() {
                prop_assert!(document.len() <= 50);
            }
        }
    }
}
