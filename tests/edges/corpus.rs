//! The cases of `tests/attacks`, read from their files. Its README says how they are written.

use crate::words::{Words, unescape};
use harness::root;

/// One attack, and what must come of it at every edge.
#[derive(Debug, Clone)]
pub struct Case {
    /// Of the list of threats: `P3`.
    pub id: String,
    /// File, id and title.
    pub name: String,
    /// Sent over HTTP/2, as frames of header lines.
    pub is_http2: bool,
    lines: Vec<String>,
    pub expected: Vec<Expected>,
    /// At an edge that answers otherwise but safely: its outcome, or what does not hold there.
    otherwise: Vec<(String, Otherwise)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// 4xx (or this status), or closed; nothing arrived upstream.
    Refused(Option<u16>),
    /// The application answered, with 200.
    Admitted,
    /// Either: what holds of every case is enough.
    Safe,
    /// What arrived has this path, as a lenient application reads it.
    UpstreamPath(String),
    UpstreamHost(String),
    /// What arrived begins with this method and target, as they were sent.
    UpstreamLine(String),
    /// What arrived has this body, whatever its framing.
    UpstreamSays(String),
    /// What arrived has this header, with this value if one is given.
    UpstreamHas(String),
    /// No header of this name in any spelling arrives, with this value if one is given.
    NeverHeader(String),
    NeverTrailer(String),
    /// No second request arrives, also after a while.
    Once,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Otherwise {
    Outcome(Expected),
    Not(Expected),
}

impl Otherwise {
    fn parse(line: &str) -> Result<Self, String> {
        match line.strip_prefix("not ") {
            Some(rest) => Expected::parse(rest).map(Self::Not),
            None => Expected::parse(line).map(Self::Outcome),
        }
    }
}

impl Expected {
    fn parse(line: &str) -> Result<Self, String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim().to_owned();
        Ok(match word {
            "refused" if rest.is_empty() => Self::Refused(None),
            "refused" => Self::Refused(Some(rest.parse().map_err(|_| format!("no status: {line}"))?)),
            "admitted" => Self::Admitted,
            "safe" => Self::Safe,
            "upstream-path" => Self::UpstreamPath(rest),
            "upstream-host" => Self::UpstreamHost(rest),
            "upstream-line" => Self::UpstreamLine(rest),
            "upstream-says" => Self::UpstreamSays(rest),
            "upstream-has" => Self::UpstreamHas(rest),
            "never-header" => Self::NeverHeader(rest),
            "never-trailer" => Self::NeverTrailer(rest),
            "once" => Self::Once,
            _ => return Err(format!("not an expectation: {line}")),
        })
    }

    fn is_outcome(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Admitted | Self::Safe)
    }
}

impl Case {
    /// The bytes of the request.
    pub fn bytes(&self, words: &Words) -> Vec<u8> {
        words.bytes(&self.lines)
    }

    /// Each header line, for HTTP/2.
    pub fn header_lines(&self, words: &Words) -> Vec<Vec<u8>> {
        self.lines.iter().map(|line| unescape(&words.fill(line))).collect()
    }

    /// Runs at each of the hosts where something is open beside something closed.
    pub fn hosts(&self) -> &'static [&'static str] {
        let is_anywhere = self.lines.iter().any(|line| line.contains("{host}"));
        if is_anywhere { &["app.test", "wide.test"] } else { &[""] }
    }

    /// Whether what opens the closed is in it.
    pub fn has_credential(&self) -> bool {
        let words = ["{pair}", "{secret}", "{session}", "{session2}"];
        self.lines.iter().any(|line| words.iter().any(|word| line.contains(word)))
    }

    /// What must come of it at this edge.
    pub fn expected_at(&self, edge: &str) -> Vec<Expected> {
        let mut expected = self.expected.clone();
        for (_, otherwise) in self.otherwise.iter().filter(|(at, _)| at == edge) {
            match otherwise {
                Otherwise::Outcome(own) => {
                    expected.iter_mut().filter(|it| it.is_outcome()).for_each(|it| *it = own.clone());
                }
                Otherwise::Not(not) => expected.retain(|it| it != not),
            }
        }
        expected
    }
}

/// Every case of every file.
pub fn read() -> Vec<Case> {
    let mut files: Vec<_> = std::fs::read_dir(root().join("tests/attacks"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    let cases = files.iter().flat_map(|path| {
        let file = path.file_stem().unwrap().to_string_lossy().into_owned();
        parse(&file, &std::fs::read_to_string(path).unwrap())
    });
    cases.collect()
}

pub fn parse(file: &str, text: &str) -> Vec<Case> {
    format!("\n{text}").split("\n### ").skip(1).map(|block| case(file, block).unwrap()).collect()
}

fn case(file: &str, block: &str) -> Result<Case, String> {
    let (title, rest) = block.split_once('\n').ok_or("a case without a request")?;
    let name = format!("{file}: {title}");
    let (id, _) = title.split_once(' ').ok_or_else(|| format!("{name}: no title"))?;
    let is_expectation = |line: &&str| line.starts_with("> ");
    let lines = rest.lines().take_while(|line| !is_expectation(line)).map(str::to_owned).collect();
    let (mut expected, mut otherwise) = (Vec::new(), Vec::new());
    for line in rest.lines().filter_map(|line| line.strip_prefix("> ")) {
        match line.split_once(": ").filter(|(edges, _)| edges.starts_with("at ")) {
            Some((edges, said)) => {
                let (outcome, reason) =
                    said.split_once(" -- ").ok_or_else(|| format!("{name}: no reason"))?;
                assert!(!reason.trim().is_empty(), "{name}: no reason");
                let outcome = Otherwise::parse(outcome)?;
                let edges = edges.trim_start_matches("at ").split(", ");
                otherwise.extend(edges.map(|edge| (edge.to_owned(), outcome.clone())));
            }
            None => expected.push(Expected::parse(line).map_err(|error| format!("{name}: {error}"))?),
        }
    }
    if expected.iter().filter(|it| it.is_outcome()).count() != 1 {
        return Err(format!("{name}: not one outcome"));
    }
    let is_http2 = file == "http2";
    Ok(Case { id: id.to_owned(), name, is_http2, lines, expected, otherwise })
}
