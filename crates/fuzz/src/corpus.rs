//! What is committed beside the code: inputs of each target, and words that mean something to it.

use std::fs;
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Inputs by file name, which is the order.
///
/// # Panics
/// If there are none.
pub fn inputs(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = folder("corpus").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| unreachable!("{}: {error}", folder.display()));
    let mut inputs: Vec<_> = files
        .map(|file| {
            let file = file.unwrap();
            (file.file_name().to_string_lossy().into_owned(), fs::read(file.path()).unwrap())
        })
        .collect();
    assert!(!inputs.is_empty(), "{} is empty", folder.display());
    inputs.sort();
    inputs
}

/// The words of the target's dictionary, which is in libFuzzer's form: one `"word"` a line, with `\xNN`, `\\` and `\"`.
///
/// # Panics
/// If it is not.
pub fn words(target: &str) -> Vec<Vec<u8>> {
    let file = folder("dictionaries").join(format!("{target}.dict"));
    let text = fs::read_to_string(&file).unwrap_or_else(|error| unreachable!("{}: {error}", file.display()));
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| unescape(line).unwrap_or_else(|| unreachable!("{}: {line}", file.display()))).collect()
}

fn unescape(line: &str) -> Option<Vec<u8>> {
    let mut rest = line.strip_prefix('"')?.strip_suffix('"')?;
    let mut word = Vec::new();
    while let Some(first) = rest.chars().next() {
        let length = match (first, rest.get(1..2)) {
            ('\\', Some("x")) => {
                word.push(u8::from_str_radix(rest.get(2..4)?, 16).ok()?);
                4
            }
            ('\\', Some(escaped @ ("\\" | "\""))) => {
                word.extend_from_slice(escaped.as_bytes());
                2
            }
            ('\\', _) => return None,
            (first, _) => {
                word.extend_from_slice(&rest.as_bytes()[..first.len_utf8()]);
                first.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    Some(word)
}
