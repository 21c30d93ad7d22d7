//! What `*` covers. Both sides are canonical here.

/// Label by label; the `*` stays within its label, and a label is never empty.
pub(super) fn covers_host(pattern: &str, host: &str) -> bool {
    let (mut wanted, mut given) = (pattern.rsplit('.'), host.rsplit('.'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(pattern), Some(label)) if covers_label(pattern, label) => {}
            _ => return false,
        }
    }
}

fn covers_label(pattern: &str, label: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == label,
        Some((before, after)) => {
            !label.is_empty() && label.strip_prefix(before).is_some_and(|rest| rest.ends_with(after))
        }
    }
}

/// The pattern covers what it spells and everything below that: it may end where the path ends or has a slash.
///
/// A `*` first stands for nothing and grows when what follows does not fit. Only the last one need grow: where the
/// text between two of them fits earliest, it leaves the most to the rest.
pub(super) fn covers_path(pattern: &str, path: &str) -> bool {
    let (pattern, path) = (pattern.as_bytes(), path.as_bytes());
    let (mut at, mut seen) = (0, 0);
    // Just behind the last `*`, and the end of what it stands for.
    let mut star: Option<(usize, usize)> = None;
    loop {
        match (pattern.get(at), path.get(seen)) {
            (Some(b'*'), _) => {
                at += 1;
                if at == pattern.len() {
                    return true;
                }
                star = Some((at, seen));
            }
            (Some(wanted), Some(given)) if wanted == given => {
                at += 1;
                seen += 1;
            }
            (None, None | Some(b'/')) => return true,
            (Some(_), None) => return false,
            (Some(_) | None, Some(_)) => match star {
                Some((behind, end)) => {
                    star = Some((behind, end + 1));
                    (at, seen) = (behind, end + 1);
                }
                None => return false,
            },
        }
    }
}
