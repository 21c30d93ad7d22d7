//! Every case of `tests/corpus`: raw requests, and what must come of them.
//!
//! A case begins with `### ID what it is`. Lines up to the first `> ` or `< ` are the request. Each ends with CRLF;
//! `\` at the end of a line leaves that out. `\r`, `\n`, `\t`, `\0` and `\xHH` are bytes, `{x*100}` is a hundred times `x`, and
//! `{pair}`, `{id}`, `{secret}`, `{session}` and `{session2}` (two sessions) stand for a good credential.
//! Lines of `< ` are the application's answer, after which it closes. Then, of the gateway's answer:
//!
//! | line | says |
//! |---|---|
//! | `> 401 REASON` | status and reason; `-`: without one |
//! | `> closed` | nothing follows, and the connection is closed |
//! | `> torn` | it ends before it should |
//! | `> with name: value`, `> without name` | its headers |
//! | `> says text` | its body |
//! | `> next 200 -` | the answer after it |
//! | `> upstream GET /a` | a request that arrived: those, in order, and no other |
//! | `> upstream with name: value`, `> upstream without name`, `> upstream says text` | the last of them |

use crate::client::Answer;
use crate::upstream::{Manner, Seen};
use crate::world::World;
use std::path::Path;

struct Case {
    name: String,
    request: Vec<u8>,
    answer: Option<Vec<u8>>,
    expected: Vec<String>,
}

/// What stands for a good credential.
struct Words {
    words: Vec<(&'static str, String)>,
}

impl Words {
    async fn new(world: &World) -> Self {
        let pair = world.token().await;
        let mut client = world.connect().await;
        let session = client.get("app.localhost", "/", &pair.lines()).await.session().unwrap().to_owned();
        let other = world.token().await;
        let session2 = client.get("app.localhost", "/", &other.lines()).await.session().unwrap().to_owned();
        let words = vec![
            ("{pair}", pair.lines().trim_end().to_owned()),
            ("{id}", pair.token.client_id.clone()),
            ("{secret}", pair.secret.clone()),
            ("{session}", session),
            ("{session2}", session2),
        ];
        Self { words }
    }

    fn fill(&self, text: &str) -> String {
        let text = self.words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(word, value));
        let Some((before, rest)) = text.split_once('{').filter(|(_, rest)| rest.contains('*')) else {
            return text;
        };
        let Some((inside, after)) = rest.split_once('}') else { return text };
        let Some((what, times)) = inside.rsplit_once('*') else { return text };
        let Ok(times) = times.parse() else { return text };
        format!("{before}{}{}", what.repeat(times), self.fill(after))
    }

    fn bytes(&self, lines: &[String]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for line in lines {
            let (line, end) = line.strip_suffix('\\').map_or((line.as_str(), "\r\n"), |line| (line, ""));
            unescape(&self.fill(line), &mut bytes);
            bytes.extend_from_slice(end.as_bytes());
        }
        bytes
    }
}

fn unescape(text: &str, bytes: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let (byte, length) = match after.as_bytes()[0] {
            b'r' => (b'\r', 1),
            b'n' => (b'\n', 1),
            b't' => (b'\t', 1),
            b'0' => (0, 1),
            b'x' => (u8::from_str_radix(&after[1..3], 16).unwrap(), 3),
            other => (other, 1),
        };
        bytes.push(byte);
        rest = &after[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
}

fn read(text: &str, words: &Words) -> Vec<Case> {
    let mut cases = Vec::new();
    for block in format!("\n{text}").split("\n### ").skip(1) {
        let mut lines = block.lines().map(ToOwned::to_owned);
        let name = lines.next().unwrap();
        let lines: Vec<String> = lines.collect();
        let is_word = |line: &&String| line.starts_with("> ") || line.starts_with("< ") || *line == "<";
        let request: Vec<_> = lines.iter().take_while(|line| !is_word(line)).cloned().collect();
        let of = |sign: &str| -> Vec<String> {
            let lines = lines.iter().skip(request.len()).filter_map(|line| line.strip_prefix(sign));
            lines.map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned()).collect()
        };
        let answer = of("<");
        let answer = (!answer.is_empty()).then(|| words.bytes(&answer));
        cases.push(Case { request: words.bytes(&request), answer, expected: of(">"), name });
    }
    cases
}

async fn run(world: &World, case: &Case, words: &Words) -> Result<(), String> {
    world.upstream.take();
    world.upstream.behave(case.answer.clone().map_or(Manner::Usual, Manner::Told));
    let mut client = world.connect().await;
    client.send(&case.request).await;
    let is_head = case.request.starts_with(b"HEAD ");
    let mut answer = client.answer(is_head).await.ok_or("closed without an answer")?;
    let mut lines = case
        .expected
        .iter()
        .filter_map(|line| line.strip_prefix("upstream "))
        .filter(|line| !["with ", "without ", "says "].iter().any(|word| line.starts_with(word)));
    for line in &case.expected {
        let line = words.fill(line);
        if let Some(next) = line.strip_prefix("next ") {
            answer = client.answer(false).await.ok_or("closed without the next answer")?;
            expect(&status(&answer), next)?;
        } else if line == "closed" {
            expect(&client.is_closed().await, &true)?;
        } else if line == "torn" {
            expect(&answer.is_whole, &false)?;
        } else if !line.starts_with("upstream ") {
            of_answer(&answer, &line)?;
        }
    }
    let seen = world.upstream.take();
    for seen in &seen {
        expect(&seen.line(), &lines.next().ok_or_else(|| format!("unexpected: {seen:?}"))?)?;
    }
    expect(&lines.next(), &None)?;
    let words_of = case.expected.iter().filter_map(|line| line.strip_prefix("upstream "));
    words_of.map(|line| words.fill(line)).try_for_each(|line| of_upstream(seen.last(), &line))
}

fn status(answer: &Answer) -> String {
    format!("{} {}", answer.status, answer.reason())
}

fn of_answer(answer: &Answer, line: &str) -> Result<(), String> {
    if let Some(header) = line.strip_prefix("with ") {
        let (name, value) = header.split_once(": ").unwrap();
        return answer
            .headers(name)
            .contains(&value)
            .then_some(())
            .ok_or(format!("no {header} in {answer:?}"));
    }
    if let Some(name) = line.strip_prefix("without ") {
        return expect(&answer.headers(name), &Vec::<&str>::new());
    }
    if let Some(text) = line.strip_prefix("says ") {
        return expect(&String::from_utf8_lossy(&answer.body).as_ref(), &text);
    }
    expect(&status(answer), line)
}

fn of_upstream(seen: Option<&Seen>, line: &str) -> Result<(), String> {
    let words = ["with ", "without ", "says "].map(|word| line.strip_prefix(word));
    if words.iter().all(Option::is_none) {
        return Ok(());
    }
    let seen = seen.ok_or("nothing arrived")?;
    let headers = seen.headers();
    match words {
        [Some(header), ..] => {
            headers.iter().any(|it| it == header).then_some(()).ok_or(format!("no {header} in {seen:?}"))
        }
        [_, Some(name), _] => {
            let begin = format!("{name}: ");
            expect(&headers.iter().find(|it| it.starts_with(&begin)), &None)
        }
        [_, _, text] => expect(&String::from_utf8_lossy(&seen.body).as_ref(), &text.unwrap()),
    }
}

fn expect<A: PartialEq<B> + std::fmt::Debug, B: std::fmt::Debug + ?Sized>(
    is: &A,
    wanted: &B,
) -> Result<(), String> {
    if is == wanted { Ok(()) } else { Err(format!("{is:?} instead of {wanted:?}")) }
}

#[tokio::test]
async fn every_case_of_the_corpus() {
    let world = World::open().await;
    let words = Words::new(&world).await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let (mut problems, mut number) = (Vec::new(), 0);
    for file in files {
        for case in read(&std::fs::read_to_string(&file).unwrap(), &words) {
            number += 1;
            if let Err(problem) = run(&world, &case, &words).await {
                problems.push(format!("{}: {}: {problem}", file.file_stem().unwrap().display(), case.name));
            }
        }
    }
    assert!(problems.is_empty(), "{} of {number} cases:\n{}", problems.len(), problems.join("\n"));
    assert!(number > 100, "only {number} cases were found");
}
