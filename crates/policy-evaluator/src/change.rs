//! How anything is changed: planned, checked, written and told to the feed in one transaction.

use crate::audited::Subject;
use crate::references::{Reference, References};
use crate::store::{Tables, Write, find_application_state};
use async_trait::async_trait;
use audit::AuditConnection as _;
use change_feed::{Appended, Change, Feed, FeedConnection as _, Wait};
use database::{Database, failed};
use model::{Clock, Error, ErrorKind, Timestamp};
use prost::Message as _;
use proto::change_feed::Propagation;
use proto::policy_evaluator as wire;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// A change that somebody asked for.
#[async_trait]
pub trait Intent: Send + Sync {
    /// What the caller is told.
    type Answer: Send;

    /// Reads and checks everything, and says what to write. Called twice: to learn which tokens are concerned, and
    /// again in the transaction. Ids are made beforehand, so both plans are the same unless something moved.
    async fn plan(&self, tables: &mut dyn Tables, now: Timestamp) -> Result<Plan, Error>;

    /// What its record is about: one record for each change.
    fn subject(&self) -> Subject;

    /// Read after the writes, in their transaction.
    async fn answer(&self, tables: &mut dyn Tables) -> Result<Self::Answer, Error>;
}

/// What a change writes. Whatever it holds has been checked.
#[derive(Debug, Default)]
pub struct Plan {
    /// In an order that the tables' references allow.
    pub writes: Vec<Write>,
    /// The objects whose state the writes change: each gets a feed entry.
    pub touched: BTreeSet<Object>,
    /// Policies and groups that name tokens, or did.
    pub references: Vec<Reference>,
}

/// An object of the feed, by id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    Application(String),
    Group(String),
    /// By account.
    Organization(String),
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Application(id) => write!(f, "application/{id}"),
            Self::Group(id) => write!(f, "group/{id}"),
            Self::Organization(account) => write!(f, "organization/{account}"),
        }
    }
}

impl Object {
    /// As the feed is told it. None: it is gone.
    pub async fn state(&self, tables: &mut dyn Tables) -> Result<Option<Vec<u8>>, Error> {
        Ok(match self {
            Self::Application(id) => {
                find_application_state(tables, "", id).await?.map(|state| state.encode_to_vec())
            }
            Self::Group(id) => match tables.group("", id).await? {
                Some(row) => Some(wire::GroupState { group: Some(row.into_wire()?) }.encode_to_vec()),
                None => None,
            },
            Self::Organization(account) => match tables.organization(account).await? {
                Some(row) => {
                    Some(wire::OrganizationState { organization: Some(row.into_wire()?) }.encode_to_vec())
                }
                None => None,
            },
        })
    }
}

/// Carries out changes.
pub struct Changes {
    database: Database,
    feed: Arc<Feed>,
    clock: Arc<dyn Clock>,
    references: Arc<References>,
}

impl Changes {
    pub const fn new(
        database: Database,
        feed: Arc<Feed>,
        clock: Arc<dyn Clock>,
        references: Arc<References>,
    ) -> Self {
        Self { database, feed, clock, references }
    }

    /// Everything or nothing. Returns once the enforcement points have it, if asked to wait.
    ///
    /// # Errors
    /// What the plan refuses; `Conflict` when somebody else changed the tokens of the same policy or group meanwhile.
    pub async fn run<I: Intent>(
        &self,
        intent: &I,
        account: &str,
        wait: Wait,
    ) -> Result<(I::Answer, Propagation), Error> {
        match self.try_run(intent, account, wait).await {
            Err(error) => Err(self.feed.gone(wait, error).await),
            done => done,
        }
    }

    async fn try_run<I: Intent>(
        &self,
        intent: &I,
        account: &str,
        wait: Wait,
    ) -> Result<(I::Answer, Propagation), Error> {
        let now = self.clock.now();
        let plan = database::with!(&self.database, |pool| {
            let mut connection = pool.acquire().await.map_err(failed)?;
            intent.plan(&mut *connection, now).await?
        });
        let stated = self.references.state(account, &plan.references).await?;
        let outcome = self.commit(intent, account, &plan.references, now).await;
        let (announced, ()) = tokio::join!(
            async {
                match outcome {
                    Ok((answer, appended)) => Ok((answer, self.feed.announce(appended, wait).await)),
                    Err(error) => Err(error),
                }
            },
            self.references.settle(stated),
        );
        announced
    }

    async fn commit<I: Intent>(
        &self,
        intent: &I,
        account: &str,
        stated: &[Reference],
        now: Timestamp,
    ) -> Result<(I::Answer, Appended), Error> {
        let outcome = database::transaction!(&self.database, |tx| {
            // Other writers wait from here on: what the plan reads holds until the commit.
            tx.next_position().await?;
            let plan = intent.plan(&mut *tx, now).await?;
            if plan.references != stated {
                return Err(moved());
            }
            let subject = intent.subject();
            let before = subject.before(&mut *tx, account).await?;
            for write in &plan.writes {
                crate::store::Writes::write(&mut *tx, write).await?;
            }
            let mut appended = Appended::default();
            for object in &plan.touched {
                let state = object.state(&mut *tx).await?;
                let change = Change { object: object.to_string(), state, keep_until: None };
                tx.record(&mut appended, change, now).await?;
            }
            let after = subject.after(&mut *tx, account).await?;
            tx.audit(subject.record(account, before, after), now).await?;
            (intent.answer(&mut *tx).await?, appended)
        });
        Ok(outcome)
    }
}

fn moved() -> Error {
    let message = "somebody else changed its service tokens at the same time; read it again and retry";
    Error::new(ErrorKind::Conflict, "CONFLICT", message)
}
