//! What stands in braces in a case, and escaped bytes.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use std::collections::BTreeMap;

/// What each word in braces stands for.
#[derive(Debug, Clone, Default)]
pub struct Words(BTreeMap<String, String>);

impl Words {
    pub fn new(words: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        Self(words.into_iter().map(|(word, value)| (word.to_owned(), value)).collect())
    }

    #[must_use]
    pub fn with(&self, word: &str, value: &str) -> Self {
        let mut words = self.clone();
        words.0.insert(word.to_owned(), value.to_owned());
        words
    }

    /// What a word stands for.
    pub fn get(&self, word: &str) -> &str {
        self.0.get(word).map_or("", String::as_str)
    }

    /// The text with every word in braces filled in; braces around anything else stay.
    pub fn fill(&self, text: &str) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let Some(end) = matching(after) else {
                filled.push('{');
                rest = after;
                continue;
            };
            filled.push_str(&self.word(&after[..end]));
            rest = &after[end + 1..];
        }
        filled + rest
    }

    fn word(&self, inside: &str) -> String {
        if let Some(value) = self.0.get(inside) {
            return value.clone();
        }
        if let Some(text) = inside.strip_prefix("length ") {
            return unescape(&self.fill(text)).len().to_string();
        }
        if let Some(json) = inside.strip_prefix("base64 ") {
            return BASE64_URL_SAFE_NO_PAD.encode(self.fill(json));
        }
        if let Some((what, times)) = inside.rsplit_once('*')
            && let Ok(times) = times.parse()
        {
            return self.fill(what).repeat(times);
        }
        format!("{{{}}}", self.fill(inside))
    }

    /// Each line with CRLF, unless `\` ends it.
    pub fn bytes(&self, lines: &[String]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for line in lines {
            let (line, end) = line.strip_suffix('\\').map_or((line.as_str(), "\r\n"), |line| (line, ""));
            bytes.extend(unescape(&self.fill(line)));
            bytes.extend_from_slice(end.as_bytes());
        }
        bytes
    }
}

/// Where the brace that was just opened is closed.
fn matching(text: &str) -> Option<usize> {
    let mut open = 1;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some(at);
        }
    }
    None
}

/// `\r`, `\n`, `\t`, `\0` and `\xHH` are bytes; any other character after `\` is itself.
pub fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let hex = after.get(1..3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let (byte, length) = match (after.bytes().next(), hex) {
            (Some(b'r'), _) => (b'\r', 1),
            (Some(b'n'), _) => (b'\n', 1),
            (Some(b't'), _) => (b'\t', 1),
            (Some(b'0'), _) => (0, 1),
            (Some(b'x'), Some(byte)) => (byte, 3),
            (Some(other), _) => (other, 1),
            (None, _) => (b'\\', 0),
        };
        bytes.push(byte);
        rest = &after[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

pub fn words_are_filled_in_and_other_braces_stay() {
    let words = Words::new([("id", "7".to_owned())]);
    assert_eq!(words.fill(r#"{"a":"{id}"} {ab*3} {length {id}\r\n} {base64 {"a":{id}}}"#), {
        let json = BASE64_URL_SAFE_NO_PAD.encode(r#"{"a":7}"#);
        format!(r#"{{"a":"7"}} ababab 3 {json}"#)
    });
    assert_eq!(words.bytes(&[r"a\x00\0\\\t".to_owned(), r"b\".to_owned()]), b"a\0\0\\\t\r\nb");
}
