//! One token at one application.

use crate::chance::Chance;
use crate::recorder::history::{Certainty, Credential, History, Session};
use crate::recorder::moment::Moment;
use crate::recorder::{Names, Recorder};
use parking_lot::Mutex;

/// Sessions of one case that are remembered.
const SESSIONS: usize = 12;

/// Its credentials and everything that was done to it.
pub struct Case {
    pub names: Names,
    pub client_id: String,
    pub history: Mutex<History>,
    held: Mutex<Held>,
}

/// The credentials' texts, by their index in the history.
#[derive(Default)]
struct Held {
    secrets: Vec<String>,
    sessions: Vec<String>,
}

impl Case {
    pub fn new(names: Names, client_id: String, history: History) -> Self {
        Self { names, client_id, history: Mutex::new(history), held: Mutex::default() }
    }

    /// Keeps the secret with this index.
    pub fn keep_secret(&self, index: usize, secret: String) {
        let secrets = &mut self.held.lock().secrets;
        secrets.resize_with(index.max(secrets.len()), String::new);
        secrets.insert(index, secret);
    }

    /// Keeps a session unless it is known or there are many.
    pub fn keep_session(&self, recorder: &Recorder, session: Session, text: &str) {
        let mut history = self.history.lock();
        let mut held = self.held.lock();
        if held.sessions.len() < SESSIONS && held.sessions.iter().all(|known| known != text) {
            recorder.session(&mut history, &self.names, session);
            held.sessions.push(text.to_owned());
        }
    }

    /// The secret or the session itself; `None` if it is not held.
    pub fn text(&self, credential: Credential) -> Option<String> {
        let held = self.held.lock();
        let text = match credential {
            Credential::Pair(index) => held.secrets.get(index),
            Credential::Session(index) => held.sessions.get(index),
        };
        text.filter(|text| !text.is_empty()).cloned()
    }

    pub fn newest_pair(&self) -> Option<Credential> {
        self.held.lock().secrets.len().checked_sub(1).map(Credential::Pair)
    }

    pub fn newest_session(&self) -> Option<Credential> {
        self.held.lock().sessions.len().checked_sub(1).map(Credential::Session)
    }

    /// Any of its credentials.
    pub fn any(&self, chance: &mut Chance) -> Option<Credential> {
        let held = self.held.lock();
        let (secrets, sessions) = (held.secrets.len(), held.sessions.len());
        drop(held);
        let index = chance.below(secrets + sessions);
        match index.checked_sub(secrets) {
            None if secrets > 0 => Some(Credential::Pair(index)),
            Some(session) if sessions > 0 => Some(Credential::Session(session)),
            _ => None,
        }
    }

    /// Those that are dead for certain now.
    pub fn dead(&self, now: Moment) -> Vec<Credential> {
        let all = {
            let held = self.held.lock();
            let pairs = (0..held.secrets.len()).map(Credential::Pair);
            pairs.chain((0..held.sessions.len()).map(Credential::Session)).collect::<Vec<_>>()
        };
        let history = self.history.lock();
        let is_dead = |it: &Credential| matches!(history.certainty(*it, now, now), Certainty::Dead(_));
        all.into_iter().filter(is_dead).collect()
    }

    /// Forgets everything but one pair and one session, and names them.
    pub fn thin_out(&self, chance: &mut Chance) -> Vec<Credential> {
        let mut held = self.held.lock();
        let Held { secrets, sessions } = &mut *held;
        let mut kept = Vec::new();
        for (texts, is_pair) in [(secrets, true), (sessions, false)] {
            let keep = chance.below(texts.len());
            for (index, text) in texts.iter_mut().enumerate() {
                if index == keep {
                    kept.push(if is_pair { Credential::Pair(index) } else { Credential::Session(index) });
                } else {
                    *text = String::new();
                }
            }
        }
        kept
    }
}
