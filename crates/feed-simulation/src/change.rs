//! A change of what is admitted, as its owner makes it.

use crate::checker::Confirmation;
use crate::owner::Owner;
use crate::session::{Session, short};
use crate::tables::{Token, Transaction};
use crate::trace::Moment;
use crate::world::{ISSUER, REGISTRY, World};
use change_feed::{Appended, Feed, Wait};
use model::{ApplicationId, Clock as _, SessionId, Timestamp, TokenId};
use prost::Message as _;
use proto::session_issuer::RevocationState;
use proto::token_registry::TokenState;
use proto::token_registry::token_state::Status;
use std::collections::BTreeSet;
use std::fmt;

/// What somebody wants done.
#[derive(Debug, Clone, Copy)]
pub enum Wish {
    Delete(TokenId),
    Disable(TokenId),
    Enable(TokenId),
    Rotate { token: TokenId, overlaps: bool },
    End(Whose),
}

/// Whose sessions end.
#[derive(Debug, Clone, Copy)]
pub enum Whose {
    Application(ApplicationId),
    Token(TokenId),
    Session(SessionId),
}

impl Whose {
    pub fn is_of(self, session: &Session) -> bool {
        match self {
            Self::Application(id) => session.application == id,
            Self::Token(id) => session.token == id,
            Self::Session(id) => session.id == id,
        }
    }
}

impl fmt::Display for Whose {
    /// The feed's name of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Application(id) => write!(f, "application-sessions/{id}"),
            Self::Token(id) => write!(f, "token-sessions/{id}"),
            Self::Session(id) => write!(f, "session/{id}"),
        }
    }
}

/// What a change ends.
#[derive(Debug, Clone, Copy)]
pub enum Kills {
    Nothing,
    Token(TokenId),
    /// And what was validated before it, for good.
    WhileDisabled(TokenId),
    /// All before the new version, except the one that overlaps.
    Versions {
        token: TokenId,
        kept: (Option<i64>, i64),
    },
    /// What was validated before it.
    SessionsOf(Whose),
}

/// A change that has committed.
#[derive(Debug, Clone)]
pub struct Change {
    pub feed: usize,
    pub position: u64,
    pub object: String,
    pub kills: Kills,
    pub enables: bool,
    pub committed: Moment,
    /// A failover has taken it back.
    pub is_lost: bool,
    /// When it was confirmed, and of whom that says nothing.
    pub confirmed: Vec<(Moment, BTreeSet<String>)>,
}

impl Change {
    /// Whether it could end this session.
    pub fn concerns(&self, session: &Session) -> bool {
        match self.kills {
            Kills::Nothing => false,
            Kills::Token(token) | Kills::WhileDisabled(token) | Kills::Versions { token, .. } => {
                session.token == token
            }
            Kills::SessionsOf(whose) => whose.is_of(session),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kills {
            Kills::Nothing => "enable",
            Kills::Token(_) => "delete",
            Kills::WhileDisabled(_) => "disable",
            Kills::Versions { .. } => "rotate",
            Kills::SessionsOf(_) => "end",
        };
        let (kind, id) = self.object.split_once('/').unwrap_or((&self.object, ""));
        write!(f, "{what} {kind}/{} at {}", short(&id), self.position)
    }
}

impl Wish {
    pub const fn feed(self) -> usize {
        match self {
            Self::End(_) => ISSUER,
            _ => REGISTRY,
        }
    }

    /// In the transaction; `None`: there is nothing to change.
    fn carry_out(self, transaction: &mut Transaction<'_>) -> Option<(String, Vec<u8>, Kills)> {
        let position = transaction.next_position();
        let token = match self {
            Self::End(whose) => {
                let state = RevocationState { revoked_as_of: position }.encode_to_vec();
                return Some((whose.to_string(), state, Kills::SessionsOf(whose)));
            }
            Self::Delete(token) | Self::Disable(token) | Self::Enable(token) | Self::Rotate { token, .. } => {
                token
            }
        };
        let row = transaction.tables.tokens.get_mut(&token)?;
        let mut is_deleted = false;
        let kills = match self {
            Self::Delete(_) => {
                is_deleted = true;
                Kills::Token(token)
            }
            Self::Disable(_) if row.is_enabled => {
                row.is_enabled = false;
                row.revoked_as_of = position;
                Kills::WhileDisabled(token)
            }
            Self::Enable(_) if !row.is_enabled => {
                row.is_enabled = true;
                Kills::Nothing
            }
            Self::Rotate { overlaps, .. } => {
                row.previous = overlaps.then_some(row.version);
                row.version += 1;
                Kills::Versions { token, kept: (row.previous, row.version) }
            }
            Self::Disable(_) | Self::Enable(_) | Self::End(_) => return None,
        };
        let state = state(token, row, is_deleted).encode_to_vec();
        if is_deleted {
            transaction.tables.tokens.remove(&token);
        }
        Some((format!("token/{token}"), state, kills))
    }
}

/// As the registry tells it.
fn state(token: TokenId, row: &Token, is_deleted: bool) -> TokenState {
    let status = match (is_deleted, row.is_enabled) {
        (true, _) => Status::Deleted,
        (false, true) => Status::Live,
        (false, false) => Status::Disabled,
    };
    let overlap = if row.previous.is_some() { Timestamp::FAR_FUTURE.as_millis() } else { 0 };
    TokenState {
        token_id: token.to_string(),
        status: status.into(),
        expires_at_ms: Timestamp::FAR_FUTURE.as_millis(),
        client_secret_version: row.version,
        previous_client_secret_expires_at_ms: overlap,
        revoked_as_of: row.revoked_as_of,
        previous_client_secret_version: row.previous.unwrap_or_default(),
    }
}

/// The whole call, at one instance of the owner: change, announce, confirm. A caller whose answer is lost asks again.
pub async fn make(world: &World, owner: &Owner, who: &str, feed: &Feed, wish: Wish) -> Option<usize> {
    let clock = owner.clock_of(who)?;
    let outcome = owner
        .store
        .change(|transaction, appended| {
            let (object, state, kills) = wish.carry_out(transaction)?;
            let keep_until = Some(feed.keep_revocation_until());
            let change = change_feed::Change { object: object.clone(), state: Some(state), keep_until };
            let position = transaction.record(appended, change, clock.now());
            let enables = matches!(wish, Wish::Enable(_));
            let committed = world.moment();
            let confirmed = Vec::new();
            let change = Change {
                feed: wish.feed(),
                position,
                object,
                kills,
                enables,
                committed,
                is_lost: false,
                confirmed,
            };
            world.note(who, &format!("commits: {change}"));
            Some(world.checker.committed(change))
        })
        .await;
    let (of, propagation, started) = match outcome {
        Ok((None, _)) => return None,
        Ok((Some(number), appended)) => {
            if world.befalls(world.faults.stalls) {
                world.nap(world.chance.millis(0..3_000)).await;
            }
            let started = world.moment();
            (vec![number], announce(feed, appended).await, started)
        }
        Err(_) => {
            world.nap(world.chance.millis(0..1_000)).await;
            let of = world.checker.committed_so_far(wish.feed());
            let started = world.moment();
            let Ok(propagation) = feed.confirm_head(Wait::Confirmed).await else { return None };
            (of, propagation, started)
        }
    };
    let over = world.moment();
    world.note(
        who,
        &format!(
            "confirmation of {} over: confirmed {:?}, fenced {:?}, not {:?}, stale {}",
            propagation.position,
            propagation.confirmed,
            propagation.fenced,
            propagation.not_confirmed,
            propagation.may_be_stale.len()
        ),
    );
    let last = of.last().copied();
    let confirmation = Confirmation {
        feed: wish.feed(),
        of,
        started,
        over,
        deadline: owner.settings.deadline,
        propagation: &propagation,
    };
    world.checker.confirmed(&confirmation, |gateway, change| world.seen.has_applied(gateway, change));
    last
}

async fn announce(feed: &Feed, appended: Appended) -> proto::change_feed::Propagation {
    feed.announce(appended, Wait::Confirmed).await
}
