//! Within one process.

use crate::{BACKLOG, Bus, Message, Source, Subscription, check_group, check_message, check_subject, trace};
use async_trait::async_trait;
use bytes::Bytes;
use model::Error;
use parking_lot::Mutex;
use std::collections::HashMap;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Sender, channel};

/// Delivers in order, and loses only what a subscriber that is too slow has no room for.
#[derive(Debug, Default)]
pub struct Memory {
    topics: Mutex<HashMap<String, Topic>>,
}

#[derive(Debug, Default)]
struct Topic {
    subscribers: Vec<Sender<Message>>,
    groups: HashMap<String, Group>,
}

#[derive(Debug, Default)]
struct Group {
    members: Vec<Sender<Message>>,
    /// Counts messages, so that members take turns.
    turn: usize,
}

impl Memory {
    fn add(&self, subject: &str, group: Option<&str>) -> Subscription {
        let (sender, receiver) = channel(BACKLOG);
        let mut topics = self.topics.lock();
        let topic = topics.entry(subject.to_owned()).or_default();
        topic.forget_gone();
        match group {
            None => topic.subscribers.push(sender),
            Some(group) => topic.groups.entry(group.to_owned()).or_default().members.push(sender),
        }
        Subscription(Source::Memory(receiver))
    }
}

impl Topic {
    fn deliver(&mut self, message: &Message) {
        self.subscribers.retain(|subscriber| {
            !matches!(subscriber.try_send(message.clone()), Err(TrySendError::Closed(_)))
        });
        for group in self.groups.values_mut() {
            group.deliver(message);
        }
        self.groups.retain(|_, group| !group.members.is_empty());
    }

    fn forget_gone(&mut self) {
        self.subscribers.retain(|subscriber| !subscriber.is_closed());
        for group in self.groups.values_mut() {
            group.members.retain(|member| !member.is_closed());
        }
        self.groups.retain(|_, group| !group.members.is_empty());
    }

    fn is_unused(&self) -> bool {
        self.subscribers.is_empty() && self.groups.is_empty()
    }
}

impl Group {
    /// To the member whose turn it is, or to the first after it that has room.
    fn deliver(&mut self, message: &Message) {
        self.members.retain(|member| !member.is_closed());
        let count = self.members.len();
        if count == 0 {
            return;
        }
        let start = self.turn % count;
        self.turn = self.turn.wrapping_add(1);
        let in_turn = self.members.iter().cycle().skip(start).take(count);
        for member in in_turn {
            if member.try_send(message.clone()).is_ok() {
                return;
            }
        }
    }
}

#[async_trait]
impl Bus for Memory {
    async fn publish(&self, subject: &str, payload: Bytes) -> Result<(), Error> {
        check_message(subject, &payload)?;
        let span = trace::publishing("memory", subject);
        let message = Message { payload, trace: span.carrier() };
        let mut topics = self.topics.lock();
        if let Some(topic) = topics.get_mut(subject) {
            topic.deliver(&message);
            if topic.is_unused() {
                topics.remove(subject);
            }
        }
        Ok(())
    }

    async fn subscribe(&self, subject: &str) -> Result<Subscription, Error> {
        check_subject(subject)?;
        Ok(self.add(subject, None))
    }

    async fn subscribe_shared(&self, subject: &str, group: &str) -> Result<Subscription, Error> {
        check_subject(subject)?;
        check_group(group)?;
        Ok(self.add(subject, Some(group)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn subjects_without_subscribers_take_no_room() {
        let bus = Memory::default();
        for n in 0..100 {
            drop(bus.subscribe(&format!("a.{n}")).await.unwrap());
            drop(bus.subscribe_shared(&format!("a.{n}"), "group").await.unwrap());
            bus.publish(&format!("a.{n}"), Bytes::new()).await.unwrap();
            bus.publish(&format!("b.{n}"), Bytes::new()).await.unwrap();
        }
        assert!(bus.topics.lock().is_empty());
    }

    #[tokio::test]
    async fn subscribing_again_and_again_takes_no_room() {
        let bus = Memory::default();
        for _ in 0..100 {
            drop(bus.subscribe("a").await.unwrap());
            drop(bus.subscribe_shared("a", "group").await.unwrap());
        }
        let topics = bus.topics.lock();
        assert!(topics["a"].subscribers.len() + topics["a"].groups.len() <= 2);
    }

    #[tokio::test]
    async fn the_members_of_a_group_take_turns() {
        let bus = Memory::default();
        let mut one = bus.subscribe_shared("a", "group").await.unwrap();
        let mut two = bus.subscribe_shared("a", "group").await.unwrap();
        for n in 0..4_u8 {
            bus.publish("a", vec![n].into()).await.unwrap();
        }
        assert_eq!([one.next().await.unwrap()[0], one.next().await.unwrap()[0]], [0, 2]);
        assert_eq!([two.next().await.unwrap()[0], two.next().await.unwrap()[0]], [1, 3]);
    }
}
