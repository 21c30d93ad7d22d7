//! Readings that are as plain as can be, to compare with.

/// What applications make of a path, all of whom agree on it if it is canonical.
pub mod path {
    /// Decoded once; other bytes as they are.
    pub fn decode(text: &str) -> Vec<u8> {
        let (bytes, mut decoded, mut at) = (text.as_bytes(), Vec::new(), 0);
        while at < bytes.len() {
            let digits = text.get(at + 1..at + 3).filter(|it| it.bytes().all(|b| b.is_ascii_hexdigit()));
            if let (b'%', Some(digits)) = (bytes[at], digits) {
                decoded.push(u8::from_str_radix(digits, 16).unwrap());
                at += 3;
            } else {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
        decoded
    }

    /// Empty and dot segments resolved; a last empty one says that it is a folder.
    fn resolve(segments: impl Iterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
        let (mut resolved, mut is_folder): (Vec<Vec<u8>>, bool) = (Vec::new(), true);
        for segment in segments {
            is_folder = matches!(segment.as_slice(), b"" | b"." | b"..");
            match segment.as_slice() {
                b"" | b"." => {}
                b".." => drop(resolved.pop()),
                _ => resolved.push(segment),
            }
        }
        if is_folder {
            resolved.push(Vec::new());
        }
        resolved
    }

    /// Who decodes first.
    pub fn decoded_then_resolved(path: &str) -> Vec<Vec<u8>> {
        resolve(decode(path).split(|b| *b == b'/').skip(1).map(<[u8]>::to_vec))
    }

    /// Who resolves dots that are written plainly, and decodes then.
    pub fn resolved_then_decoded(path: &str) -> Vec<Vec<u8>> {
        let resolved = resolve(path.as_bytes().split(|b| *b == b'/').skip(1).map(<[u8]>::to_vec));
        resolved.iter().map(|segment| decode(std::str::from_utf8(segment).unwrap())).collect()
    }

    /// Who resolves nothing.
    pub fn only_decoded(path: &str) -> Vec<Vec<u8>> {
        path.split('/').skip(1).map(decode).collect()
    }

    /// Who drops dots and spaces at the end of a segment, and then segments that are empty.
    pub fn loosely(segments: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let strip = |segment: &Vec<u8>| {
            let end = segment.iter().rposition(|b| !matches!(b, b'.' | b' ')).map_or(0, |last| last + 1);
            segment[..end].to_vec()
        };
        resolve(segments.iter().map(strip))
    }

    /// Every byte of it encoded.
    pub fn encode_all(segments: &[Vec<u8>]) -> String {
        let segment =
            |segment: &Vec<u8>| segment.iter().map(|b| format!("%{b:02x}")).collect::<Vec<_>>().concat();
        format!("/{}", segments.iter().map(segment).collect::<Vec<_>>().join("/"))
    }
}

/// What a `*` may stand for, by every way to split.
pub mod wildcard {
    /// `*` is any text without a dot; labels are not empty.
    pub fn covers_host(pattern: &str, host: &str) -> bool {
        let (pattern, host): (Vec<_>, Vec<_>) = (pattern.split('.').collect(), host.split('.').collect());
        let covers = |(pattern, label): (&&str, &&str)| {
            pattern == label
                || (!label.is_empty()
                    && (0..=label.len()).any(|from| {
                        (from..=label.len())
                            .any(|to| format!("{}*{}", &label[..from], &label[to..]) == **pattern)
                    }))
        };
        pattern.len() == host.len() && pattern.iter().zip(&host).all(covers)
    }

    /// `*` is any text; what is covered ends with the path or before a slash.
    pub fn covers_path(pattern: &[u8], path: &[u8]) -> bool {
        // Row by row: whether the pattern so far covers the path so far.
        let mut row = vec![false; path.len() + 1];
        row[0] = true;
        for byte in pattern {
            if *byte == b'*' {
                let first = row.iter().position(|it| *it).unwrap_or(row.len());
                row[first..].fill(true);
            } else {
                for at in (0..row.len()).rev() {
                    row[at] = at > 0 && row[at - 1] && path[at - 1] == *byte;
                }
            }
        }
        row.iter().enumerate().any(|(at, covers)| *covers && matches!(path.get(at), None | Some(b'/')))
    }
}

/// A header's name as CGI gives it to an application.
pub fn cgi(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}
