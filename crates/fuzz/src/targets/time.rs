//! Times: every RFC 3339 form is read as the instant it says, and written so that it is read again.

use model::Timestamp;

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let read = Timestamp::parse_rfc3339(text);
    if let Some(millis) = naive(text) {
        // What is finer than a millisecond is cut towards 1970.
        let read = read.map(Timestamp::as_millis);
        assert!(
            read == Some(millis) || (millis < 0 && read == Some(millis + 1)),
            "{text}: {read:?} {millis}"
        );
    }
    if let Some(read) = read {
        assert_eq!(Timestamp::parse_rfc3339(&read.to_string()), Some(read));
    }
    if let Some(millis) = data.first_chunk().map(|bytes| i64::from_le_bytes(*bytes)) {
        let _ = Timestamp::from_millis(millis).to_string();
    }
}

/// RFC 3339 section 5.6, for years 1-9998 and without leap seconds; the fraction is cut to milliseconds.
fn naive(text: &str) -> Option<i64> {
    let number = |from: usize, length: usize| -> Option<i64> {
        let digits = text.get(from..from + length)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let is = |at: usize, one: &str| text.get(at..=at).is_some_and(|it| one.contains(it));
    if !is(4, "-") || !is(7, "-") || !is(10, "Tt") || !is(13, ":") || !is(16, ":") {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = [31, if is_leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *days.get(usize::try_from(month - 1).ok()?)?;
    let is_date = (1..=9998).contains(&year) && (1..=length).contains(&day);
    if !is_date || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let rest = text.get(19..)?;
    let (fraction, offset) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?),
        None => ("0", rest),
    };
    if fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let at = text.len() - offset.len();
    let offset_minutes = match offset {
        "Z" | "z" => 0,
        _ if offset.len() == 6 && is(at, "+-") && is(at + 3, ":") => {
            let (hours, minutes) = (number(at + 1, 2)?, number(at + 4, 2)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if offset.starts_with('-') { -1 } else { 1 }
        }
        _ => return None,
    };
    let before = year - 1;
    let leap_days = before / 4 - before / 100 + before / 400;
    let months: i64 = days.iter().take(usize::try_from(month - 1).ok()?).sum();
    let since = before * 365 + leap_days + months + day - 1 - 719_162;
    let seconds = since * 86_400 + hour * 3_600 + (minute - offset_minutes) * 60 + second;
    let millis: i64 = format!("{fraction:0<3}")[..3].parse().ok()?;
    Some(seconds * 1_000 + millis)
}
