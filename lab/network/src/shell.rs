//! Paths in commands that people copy into a shell.

use std::path::Path;

/// A path as a word of a command: in quotes if a shell would read it as something else.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |character: char| character.is_alphanumeric() || "-_./+:@%,".contains(character);
    if !text.is_empty() && text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_a_path_as_one_word() {
        for (path, word) in [
            ("mundi-net", "mundi-net"),
            ("/tmp/a net", "'/tmp/a net'"),
            ("it's", r"'it'\''s'"),
            ("$HOME;x", "'$HOME;x'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(Path::new(path)), word);
        }
    }
}
