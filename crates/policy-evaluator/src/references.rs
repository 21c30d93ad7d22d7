//! Which tokens policies and groups name, as the token registry is told: it refuses to delete a token that is named.
//!
//! Two services cannot commit together, so the registry is told too much rather than too little. Before the commit it
//! is told the tokens of before and after together, which also proves that they exist; after the commit, or after its
//! failure, it is told exactly what is stored. A crash in between leaves a token that cannot be deleted, never one that
//! is deleted while a policy names it; `token_referrers` remembers whom the registry may know, and
//! [`References::keep_stated`] tells it again.

#[cfg(test)]
mod tests;

use crate::domain::TokenRule;
use crate::store::{ReferrerRow, Tables, Writes as _};
use database::{Database, failed};
use model::{Clock, Error, ErrorKind};
use proto::policy_evaluator as wire;
use proto::token_registry::SetTokenReferencesRequest;
use proto::token_registry::token_registry_client::TokenRegistryClient;
use service_kit::GrpcChannel;
use service_kit::status::from_status;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};
use tokio_util::sync::CancellationToken;

/// How often what was left unsettled is stated again, and what share of these rounds states everything.
const ROUND: Duration = Duration::from_mins(1);
const ROUNDS_PER_FULL: u32 = 10;
const TURNS: usize = 64;
/// A change that began less than this ago may still be on its way, and settles by itself. Longer than any call takes.
const ON_ITS_WAY: Duration = Duration::from_mins(1);

/// One policy or group that names tokens, or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// `policy/<id>` or `group/<id>`.
    pub referrer: String,
    pub name: String,
    pub before: Vec<String>,
    /// With the fields that name them.
    pub after: Vec<TokenRule>,
    /// It is called the same as before.
    pub is_same_name: bool,
}

impl Reference {
    fn changes_anything(&self) -> bool {
        let after = || self.after.iter().map(|rule| &rule.token);
        !self.is_same_name && !self.after.is_empty() || !after().eq(&self.before)
    }

    /// The tokens of after, then those of before that are not among them.
    fn union(&self) -> Vec<String> {
        let mut union: Vec<String> = self.after.iter().map(|rule| rule.token.clone()).collect();
        union.extend(
            self.before.iter().filter(|it| !self.after.iter().any(|rule| rule.token == **it)).cloned(),
        );
        union
    }
}

/// Referrers that the registry has been told about and that must be settled.
#[must_use = "settle it, whatever the change comes to"]
pub struct Stated<'a> {
    referrers: Vec<ReferrerRow>,
    _turns: Vec<MutexGuard<'a, ()>>,
}

/// Tells the token registry.
pub struct References {
    database: Database,
    token_registry: TokenRegistryClient<GrpcChannel>,
    clock: Arc<dyn Clock>,
    /// One change of a referrer at a time in this process: the registry keeps the last list it was told. Referrers share
    /// a few locks.
    turns: [Mutex<()>; TURNS],
}

impl References {
    pub fn new(
        database: Database,
        token_registry: TokenRegistryClient<GrpcChannel>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { database, token_registry, clock, turns: std::array::from_fn(|_| Mutex::new(())) }
    }

    /// Before the commit: the tokens of before and after.
    ///
    /// # Errors
    /// `Invalid` on the new rule that names a token which does not exist; `Unavailable` when the registry is away.
    pub async fn state(&self, account: &str, references: &[Reference]) -> Result<Stated<'_>, Error> {
        let changed: Vec<&Reference> = references.iter().filter(|it| it.changes_anything()).collect();
        if changed.is_empty() {
            return Ok(Stated { referrers: Vec::new(), _turns: Vec::new() });
        }
        let turns = self.take_turns(changed.iter().map(|it| it.referrer.as_str())).await;
        let mut stated = Stated { referrers: Vec::new(), _turns: turns };
        for reference in changed {
            let since_ms = self.clock.now().as_millis();
            let row =
                ReferrerRow { referrer: reference.referrer.clone(), account_id: account.into(), since_ms };
            database::with!(&self.database, |pool| {
                let mut connection = pool.acquire().await.map_err(failed)?;
                connection.begin_referrer(&row.referrer, account, since_ms).await?;
            });
            stated.referrers.push(row);
            let (names, required) = (reference.union(), reference.after.len());
            let told = self.tell(account, &reference.referrer, &reference.name, names, required).await;
            if let Err(error) = told {
                self.settle(stated).await;
                return Err(name_the_rule(error, &reference.after));
            }
        }
        Ok(stated)
    }

    /// The locks of these referrers, in one order for everybody: nobody waits in a circle.
    async fn take_turns<'r>(&self, referrers: impl Iterator<Item = &'r str>) -> Vec<MutexGuard<'_, ()>> {
        let wanted: BTreeSet<usize> = referrers.map(turn_of).collect();
        let mut turns = Vec::with_capacity(wanted.len());
        for (_, turn) in self.turns.iter().enumerate().filter(|(number, _)| wanted.contains(number)) {
            turns.push(turn.lock().await);
        }
        turns
    }

    /// After the commit, or its failure: exactly what is stored.
    pub async fn settle(&self, stated: Stated<'_>) {
        for row in &stated.referrers {
            if let Err(error) = self.settle_one(row).await {
                tracing::warn!(referrer = row.referrer, %error, "the token registry was told too much; telling it again later");
            }
        }
    }

    async fn settle_one(&self, row: &ReferrerRow) -> Result<(), Error> {
        let ReferrerRow { referrer, account_id, since_ms } = row;
        database::with!(&self.database, |pool| {
            // Not held across the call: a call may take long, connections are few.
            let mut connection = pool.acquire().await.map_err(failed)?;
            let (name, tokens) = tokens_of(&mut *connection, referrer).await?;
            drop(connection);
            let holds_nothing = tokens.is_empty();
            // A registry that was restored from a backup may lack some: the others are named all the same.
            self.tell(account_id, referrer, &name, tokens, 0).await?;
            let mut connection = pool.acquire().await.map_err(failed)?;
            connection.settle_referrer(referrer, *since_ms, holds_nothing).await
        })
    }

    /// The first `required` of the tokens must exist.
    async fn tell(
        &self,
        account: &str,
        referrer: &str,
        name: &str,
        token_ids: Vec<String>,
        required: usize,
    ) -> Result<(), Error> {
        let request = SetTokenReferencesRequest {
            account_id: account.into(),
            referrer: referrer.into(),
            referrer_name: name.into(),
            token_ids,
            required: Some(u32::try_from(required).unwrap_or(u32::MAX)),
        };
        let answer = self.token_registry.clone().set_token_references(request).await;
        answer.map(drop).map_err(from_status)
    }

    /// States again what a crash or an outage left unsettled, and everything from time to time.
    pub async fn keep_stated(&self, stop: CancellationToken) {
        let mut rounds = tokio::time::interval(ROUND);
        let mut round = 0_u32;
        while stop.run_until_cancelled(rounds.tick()).await.is_some() {
            let is_full = round.is_multiple_of(ROUNDS_PER_FULL);
            round = round.wrapping_add(1);
            if let Some(Err(error)) = stop.run_until_cancelled(self.state_again(is_full)).await {
                tracing::warn!(%error, "stating token references failed; trying again");
            }
        }
    }

    async fn state_again(&self, is_full: bool) -> Result<(), Error> {
        let age = i64::try_from(ON_ITS_WAY.as_millis()).unwrap_or(i64::MAX);
        let before_ms = self.clock.now().as_millis().saturating_sub(age);
        let mut after = String::new();
        loop {
            let page = database::with!(&self.database, |pool| {
                let mut connection = pool.acquire().await.map_err(failed)?;
                crate::store::Reads::token_referrers(&mut *connection, &after, before_ms, !is_full).await?
            });
            let Some(last) = page.last() else { return Ok(()) };
            after.clone_from(&last.referrer);
            for row in &page {
                let _turns = self.take_turns(std::iter::once(row.referrer.as_str())).await;
                match self.settle_one(row).await {
                    Ok(()) => {}
                    Err(error) if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Deadline) => {
                        return Err(error);
                    }
                    // One that cannot be stated does not keep the others waiting.
                    Err(error) => {
                        tracing::warn!(referrer = row.referrer, %error, "a token reference was not stated; trying again later");
                    }
                }
            }
        }
    }
}

fn turn_of(referrer: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    referrer.hash(&mut hasher);
    usize::try_from(hasher.finish()).unwrap_or_default() % TURNS
}

/// The name of a policy or group and the tokens it names as stored; nothing if it is gone.
async fn tokens_of(tables: &mut dyn Tables, referrer: &str) -> Result<(String, Vec<String>), Error> {
    let tokens = |include: &[wire::Rule], require: &[wire::Rule], exclude: &[wire::Rule]| {
        crate::domain::token_rules(include, require, exclude).into_iter().map(|rule| rule.token).collect()
    };
    let found = match referrer.split_once('/') {
        Some(("policy", id)) => tables.policy("", id).await?.map(|row| row.spec()).transpose()?.map(|spec| {
            let tokens = tokens(&spec.include, &spec.require, &spec.exclude);
            (spec.name, tokens)
        }),
        Some(("group", id)) => tables.group("", id).await?.map(|row| row.spec()).transpose()?.map(|spec| {
            let tokens = tokens(&spec.include, &spec.require, &spec.exclude);
            (spec.name, tokens)
        }),
        _ => None,
    };
    Ok(found.unwrap_or_default())
}

/// The registry names the place of an unknown token in the list it was told; the list begins with the new rules.
fn name_the_rule(error: Error, rules: &[TokenRule]) -> Error {
    if error.kind() != ErrorKind::NotFound {
        return error;
    }
    let place = |field: &str| field.strip_prefix("token_ids/")?.parse::<usize>().ok();
    let rule = error.violations().iter().find_map(|it| rules.get(place(&it.field)?));
    let field = rule.or(rules.first()).map_or("include", |rule| rule.field.as_str());
    Error::invalid(field, "no such service token in this account")
}
