//! Every case at one edge, and paths that nobody has thought of.

use crate::client::send;
use crate::corpus::{self, Case, Expected};
use crate::edge::{At, Edge};
use crate::ground::Ground;
use crate::judge;
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
    let linger = case.expected.contains(&Expected::Once);
    let answer = match send(edge.address, &case.bytes(words), linger).await {
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
