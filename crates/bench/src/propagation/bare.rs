//! The floor: a message over the same NATS, and everybody's answer to it.

use crate::series::now;
use anyhow::{Context as _, Result};
use bus::{Bus, Subscription};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

const QUESTIONS: &str = "bench.questions";
/// As large as a broadcast that carries one token's state.
const BYTES: usize = 256;
/// Of these the answer repeats the first: who asks, and the number of the question.
const HEAD: usize = 1 + 8;
const PATIENCE: Duration = Duration::from_secs(5);

/// Whoever answers, each over a connection of its own. Dropping it ends them.
pub struct Listeners(JoinSet<Result<()>>);

impl Listeners {
    pub async fn start(url: &str, count: usize) -> Result<Self> {
        let mut listening = JoinSet::new();
        for _ in 0..count {
            let bus = bus::connect(url).await?;
            let mut questions = bus.subscribe(QUESTIONS).await?;
            listening.spawn(async move {
                while let Some(question) = questions.next().await {
                    let asker = question.first().copied().unwrap_or_default();
                    bus.publish(&answers(asker), question.slice(..HEAD.min(question.len()))).await?;
                }
                Ok(())
            });
        }
        Ok(Self(listening))
    }
}

/// One of those who ask, all over one connection.
pub struct Asker {
    bus: Arc<dyn Bus>,
    number: u8,
    asked: u64,
    answers: Subscription,
}

impl Asker {
    /// Numbered from 0.
    pub async fn several(url: &str, count: u8) -> Result<Vec<Mutex<Self>>> {
        let bus = bus::connect(url).await?;
        let mut askers = Vec::new();
        for number in 0..count {
            let answers = bus.subscribe(&answers(number)).await?;
            askers.push(Mutex::new(Self { bus: bus.clone(), number, asked: 0, answers }));
        }
        Ok(askers)
    }

    /// From the question until the last answer.
    pub async fn ask(&mut self, listeners: &Listeners) -> Result<Duration> {
        let Self { bus, number, asked, answers } = self;
        *asked += 1;
        let mut question = vec![*number];
        question.extend(asked.to_be_bytes());
        let expected = Bytes::from(question.clone());
        question.resize(BYTES, 0);
        let mut missing = listeners.0.len();
        let begun = now();
        bus.publish(QUESTIONS, question.into()).await?;
        let listen = async {
            while missing > 0 {
                let answer = answers.next().await.context("the bus has ended")?;
                missing -= usize::from(answer == expected);
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(PATIENCE, listen).await.context("an answer was lost")??;
        Ok(now().since(begun))
    }
}

fn answers(asker: u8) -> String {
    format!("bench.answers.{asker}")
}
