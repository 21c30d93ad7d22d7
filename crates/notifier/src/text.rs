//! Text from outside, on its way to people.

use model::Violation;

/// Nothing that ends a line, hides, or reorders what stands around it.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if is_misleading(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Control characters, line separators, and the characters that are invisible or turn the direction of writing.
fn is_misleading(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'
            | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// A name's rule: 1-350 characters, none of them a control character.
pub fn check_name(name: &str) -> Option<Violation> {
    let length = name.chars().count();
    let rule = if length == 0 || length > 350 {
        format!("must have 1-350 characters, not {length}")
    } else if name.chars().any(char::is_control) {
        "must not contain control characters".to_owned()
    } else {
        return None;
    };
    Some(Violation { field: "name".to_owned(), rule })
}

/// Cut to `bytes` at most, at a character's end.
pub fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misleading_characters_are_replaced() {
        assert_eq!(plain("a\r\nBcc: x@y"), "a\u{FFFD}\u{FFFD}Bcc: x@y");
        assert_eq!(plain("a\u{202E}txt.exe\u{1b}[2J\0"), "a\u{FFFD}txt.exe\u{FFFD}[2J\u{FFFD}");
        assert_eq!(plain("Zürich 👩‍🚀 名"), "Zürich 👩‍🚀 名");
    }

    #[test]
    fn names_have_a_length_and_one_line() {
        for name in ["", "a\nb", "\u{7f}", &"x".repeat(351)] {
            assert!(check_name(name).is_some(), "{name:?}");
        }
        assert!(check_name(&"é".repeat(350)).is_none());
    }

    #[test]
    fn cutting_keeps_characters_whole() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("abc", 9), "abc");
    }
}
