//! Every case at one edge, and paths that nobody has thought of.

use crate::client;
use crate::corpus::{self, Case, Expected};
use crate::edge::{At, Edge};
use crate::ground::Ground;
use crate::http2;
use crate::judge;
use crate::recorder::Recorder;
use crate::words::Words;

/// Every case of the corpus.
pub async fn every_case(ground: &Ground, at: At) -> Result<(), String> {
    let edge = ground.edge(at).await?.lock().await;
    let (mut problems, mut number) = (Vec::new(), 0);
    for case in corpus::read() {
        for host in case.hosts() {
            number += 1;
            let found = run(&edge, &case, &ground.words.with("host", host)).await;
            let place = if host.is_empty() { String::new() } else { format!(" [{host}]") };
            problems.extend(found.into_iter().map(|problem| format!("{}{place}: {problem}", case.name)));
        }
    }
    println!("{}: {number} runs", at.name());
    if problems.is_empty() {
        return Ok(());
    }
    Err(format!("{} problems in {number} runs:\n{}", problems.len(), problems.join("\n")))
}

async fn run(edge: &Edge, case: &Case, words: &Words) -> Vec<String> {
    edge.recorder.take();
    // What is smuggled arrives afterwards.
    let linger = case.expected.contains(&Expected::Once) || ["T4", "T5", "T8"].contains(&case.id.as_str());
    let answer = if case.is_http2 {
        http2::send(edge.address, &case.header_lines(words)).await
    } else {
        client::send(edge.address, &case.bytes(words), linger).await
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(problem) => return vec![problem],
    };
    judge::problems(case, edge.at.name(), words, &answer, &edge.recorder.take())
}

/// P15: whatever a target is put together from, the closed is not reached without a credential.
pub async fn random_paths(ground: &Ground, at: At) -> Result<(), String> {
    const NUMBER: usize = 600;
    let edge = ground.edge(at).await?.lock().await;
    let mut random = Random(0x005a_1170_9017);
    let mut problems = Vec::new();
    for _ in 0..NUMBER {
        let target = random.target();
        for host in ["app.test", "wide.test"] {
            let text = format!("### P15 a target of pieces\nGET {target} HTTP/1.1\nHost: {host}\n\n> safe");
            let case = corpus::parse("random", &text).remove(0);
            let found = run(&edge, &case, &ground.words.with("host", host)).await;
            problems.extend(found.into_iter().map(|problem| format!("{target} at {host}: {problem}")));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

/// An edge that asks nobody is found out: the judge's own test.
pub async fn an_open_edge_fails(ground: &Ground) -> Result<(), String> {
    let recorder = Recorder::start().await;
    let edge = Edge { at: At::Gateway, address: recorder.address, recorder, _proxy: None };
    let cases = corpus::read().into_iter().filter(|case| !case.is_http2 && case.expected != [Expected::Safe]);
    let (mut number, mut silent) = (0, Vec::new());
    for case in cases {
        number += 1;
        let words = ground.words.with("host", case.hosts()[0]);
        if run(&edge, &case, &words).await.is_empty() {
            silent.push(case.name);
        }
    }
    if silent.len() * 20 < number { Ok(()) } else { Err(format!("it passes:\n{}", silent.join("\n"))) }
}

/// The same numbers at every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }

    fn target(&mut self) -> String {
        const PIECES: [&str; 30] = [
            "/", "/", "/", "//", ".", "..", "/..", "/../", "/./", "%2e", "%2E%2e", "%2f", "%5c", "\\\\", ";",
            ";x=1", "%3b", "admin", "admin", "/admin", "%61dmin", "ADMIN", "public", "/public", "x", "%00",
            "%20", "?", "#", "%252f",
        ];
        let length = 1 + self.below(7);
        let pieces: String = (0..length).map(|_| PIECES[self.below(PIECES.len())]).collect();
        // Half of them end where it matters.
        if self.below(2) == 0 { format!("/public{pieces}/admin") } else { format!("/{pieces}") }
    }
}
