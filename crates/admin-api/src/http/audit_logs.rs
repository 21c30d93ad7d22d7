//! `audit_logs`: who changed what, and who was refused, newest first. Each service keeps the records of what it owns;
//! here they become one list.

use super::answer::Answer;
use super::authenticate::Account;
use super::operation::{count, get, moment, part_of, switch, word};
use super::problem::Problem;
use super::request::Query;
use super::routes::Routes;
use super::{App, Outcome};
use crate::wire::audit;
use crate::wire::schema::named;
use axum::extract::State;
use futures::future::try_join_all;
use model::{Error, ErrorKind};
use proto::audit::audit_log_client::AuditLogClient;
use proto::audit::{AuditRecord, ListAuditRequest, ListAuditResponse};
use proto::token_registry::Scope::AuditLogsRead;
use service_kit::GrpcChannel;
use service_kit::status::from_status;
use std::sync::Arc;

const LARGEST: u32 = 1_000;
const PAGE: u32 = 100;
/// How far pages go: each page reads all before it, a thousand of each service at a time, for which of them is the how many-th
/// of all is known only to who has seen them all. A cursor goes to the end.
const FARTHEST: u64 = 100_000;
/// Bytes of objects before and after in one answer, from which on it ends. A hundred of the longest records pass.
const ENOUGH: usize = 16 * 1024 * 1024;

pub fn routes() -> Routes {
    Routes::of("Audit log").serve(
        get(
            "/audit_logs",
            "list_audit_log",
            "Who changed what, newest first",
            AuditLogsRead,
            part_of(named("AuditRecord")),
        )
        .asks([
            moment("since", "Not before."),
            moment("before", "Before."),
            word("actor.id", "Changes of this API token.", ""),
            word("action.type", "Changes of this kind.", "update"),
            switch("action.result", "true: what was done; false: what was refused."),
            word("resource.type", "Changes of such objects.", "service_token"),
            word("resource.id", "Changes of this object.", ""),
            count("per_page", "At most 1,000; 100 unless something else is said."),
            count("page", "From 1, within the newest 100,000; where there is no cursor."),
            word("cursor", "Of the answer before.", ""),
        ]),
        list,
    )
}

/// Every service that keeps records, by name.
#[derive(Clone)]
pub struct AuditLogs(Arc<[(&'static str, AuditLogClient<GrpcChannel>)]>);

impl AuditLogs {
    pub fn new(logs: impl IntoIterator<Item = (&'static str, AuditLogClient<GrpcChannel>)>) -> Self {
        Self(logs.into_iter().collect())
    }

    /// One page of each. A list with holes would be taken for the whole: one that is away fails them all.
    async fn ask(&self, request: &ListAuditRequest) -> Result<Vec<ListAuditResponse>, Problem> {
        let asked = self.0.iter().map(async |(service, client)| {
            let answer = client.clone().list_audit(request.clone()).await;
            answer.map(tonic::Response::into_inner).map_err(|status| away(service, from_status(status)))
        });
        try_join_all(asked).await
    }

    /// So many records behind so many others, or as many of them as one answer may hold, and whether there may be older
    /// ones.
    async fn take(
        &self,
        mut request: ListAuditRequest,
        skipped: u64,
        limit: usize,
    ) -> Result<(Vec<AuditRecord>, bool), Problem> {
        let (mut to_skip, mut taken, mut bytes) = (skipped, Vec::new(), 0);
        loop {
            let wanted = to_skip.saturating_add((limit - taken.len()) as u64);
            request.limit = u32::try_from(wanted).unwrap_or(LARGEST).min(LARGEST);
            let (records, has_more) = merge(self.ask(&request).await?, request.limit as usize);
            if let Some(last) = records.last() {
                (request.after_ms, request.after_id) = (last.recorded_at_ms, last.id.clone());
            }
            let passed = usize::try_from(to_skip).unwrap_or(usize::MAX).min(records.len());
            to_skip -= passed as u64;
            let news = records.into_iter().skip(passed);
            taken.extend(news.inspect(|record| bytes += record.before.len() + record.after.len()));
            if !has_more || taken.len() >= limit || bytes >= ENOUGH {
                return Ok((taken, has_more));
            }
        }
    }
}

fn away(service: &str, error: Error) -> Problem {
    match error.kind() {
        ErrorKind::Unavailable | ErrorKind::Deadline => {
            Error::unavailable(&format!("the audit log of {service}"), error).into()
        }
        _ => Problem::from_service(error),
    }
}

async fn list(State(app): State<App>, Account(account_id): Account, query: Query) -> Outcome {
    let after = query.get("cursor");
    let limit = query.count("per_page", PAGE)?.min(LARGEST);
    // Some clients know no cursor and ask for page after page.
    let page = if after.is_none() { query.count("page", 1)? } else { 1 };
    let skipped = u64::from(page - 1) * u64::from(limit);
    if skipped > FARTHEST {
        let message = format!("must be within the newest {FARTHEST} records; use the cursor of an answer");
        return Err(Error::invalid("page", message).into());
    }
    let request = request(account_id, &query, audit::read_cursor(after)?)?;
    let (records, has_more) = app.audit_logs.take(request, skipped, limit as usize).await?;
    // The next page would begin behind what is missing.
    if has_more && records.len() < limit as usize && after.is_none() && query.get("page").is_some() {
        let message = "must be less: so many of these records are too long for one answer";
        return Err(Error::invalid("per_page", message).into());
    }
    let cursor = records.last().filter(|_| has_more).map(audit::cursor).unwrap_or_default();
    let records = records.into_iter().map(audit::view).collect();
    Ok(Answer::cursor_page(records, limit, &cursor))
}

/// Where a record is in the one order of all services.
fn place(record: &AuditRecord) -> (i64, &str) {
    (record.recorded_at_ms, &record.id)
}

/// The newest of all pages, and whether there may be older ones.
///
/// What is older than the end of a page that goes on is left for the next time: there may be others in between.
fn merge(pages: Vec<ListAuditResponse>, limit: usize) -> (Vec<AuditRecord>, bool) {
    let ends = pages.iter().filter(|page| page.has_more).filter_map(|page| page.records.last());
    let end = ends.max_by_key(|record| place(record)).cloned();
    let mut all: Vec<AuditRecord> = pages.into_iter().flat_map(|page| page.records).collect();
    if let Some(end) = &end {
        all.retain(|record| place(record) >= place(end));
    }
    all.sort_by(|one, other| place(other).cmp(&place(one)));
    // Services that share a database answer with the same records.
    all.dedup_by(|one, other| place(one) == place(other));
    let has_more = end.is_some() || all.len() > limit;
    all.truncate(limit);
    (all, has_more)
}

fn request(
    account_id: String,
    query: &Query,
    (after_ms, after_id): (i64, String),
) -> Result<ListAuditRequest, Error> {
    let outcome = match query.flag("action.result")? {
        None => "",
        Some(true) => "success",
        Some(false) => "refused",
    };
    Ok(ListAuditRequest {
        account_id,
        since_ms: query.time("since")?.unwrap_or_default(),
        before_ms: query.time("before")?.unwrap_or_default(),
        actor_id: query.text("actor.id"),
        operation: query.text("action.type"),
        object_kind: query.text("resource.type"),
        object_id: query.text("resource.id"),
        after_ms,
        after_id,
        limit: LARGEST,
        outcome: outcome.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proto::audit::audit_log_server::{AuditLog, AuditLogServer};
    use service_kit::Callers;
    use tonic::{Request, Response, Status};

    /// A service's log, and whether it can be asked.
    struct Log(bool);

    /// One of long records only, of which it tells two at a time.
    struct LongLog;

    #[tonic::async_trait]
    impl AuditLog for LongLog {
        async fn list_audit(
            &self,
            request: Request<ListAuditRequest>,
        ) -> Result<Response<ListAuditResponse>, Status> {
            let after = request.into_inner().after_ms;
            let next = if after == 0 { 1_000 } else { after - 1 };
            let before = "x".repeat(2 * 1024 * 1024);
            let long = |at| AuditRecord { before: before.clone(), ..record(at, 1) };
            Ok(Response::new(ListAuditResponse { records: vec![long(next), long(next - 1)], has_more: true }))
        }
    }

    #[tonic::async_trait]
    impl AuditLog for Log {
        async fn list_audit(
            &self,
            _: Request<ListAuditRequest>,
        ) -> Result<Response<ListAuditResponse>, Status> {
            if self.0 {
                Ok(Response::new(ListAuditResponse { records: vec![record(1, 1)], has_more: false }))
            } else {
                Err(Status::unavailable("gone"))
            }
        }
    }

    fn log(is_there: bool) -> AuditLogClient<GrpcChannel> {
        client(Log(is_there))
    }

    fn client(log: impl AuditLog) -> AuditLogClient<GrpcChannel> {
        let routes = tonic::service::Routes::new(AuditLogServer::new(log));
        AuditLogClient::new(GrpcChannel::local(routes, Callers::new([("admin-api", &["*"])]), "admin-api"))
            .max_decoding_message_size(64 * 1024 * 1024)
    }

    #[tokio::test]
    async fn an_answer_ends_before_long_records_fill_the_memory() {
        let logs = AuditLogs::new([("policy-evaluator", client(LongLog))]);
        let (records, has_more) = logs.take(ListAuditRequest::default(), 0, 1_000).await.unwrap();
        assert_eq!((records.len(), has_more), (8, true));
        assert_eq!(
            records.iter().map(|it| it.recorded_at_ms).collect::<Vec<_>>(),
            (993..=1_000).rev().collect::<Vec<_>>()
        );
        let (few, _) = logs.take(ListAuditRequest::default(), 5, 3).await.unwrap();
        assert_eq!(few.iter().map(|it| it.recorded_at_ms).collect::<Vec<_>>(), [995, 994, 993]);
    }

    #[tokio::test]
    async fn a_service_that_is_away_fails_the_list_and_is_named() {
        let whole = AuditLogs::new([("token-registry", log(true)), ("notifier", log(true))]);
        assert_eq!(whole.ask(&ListAuditRequest::default()).await.unwrap().len(), 2);
        let holed = AuditLogs::new([("token-registry", log(true)), ("notifier", log(false))]);
        let problem = holed.ask(&ListAuditRequest::default()).await.unwrap_err();
        assert_eq!(problem.codes(), [12_193]);
        assert!(format!("{problem:?}").contains("the audit log of notifier is unavailable"), "{problem:?}");
    }

    fn record(at: i64, number: usize) -> AuditRecord {
        AuditRecord { id: format!("{number:032x}"), recorded_at_ms: at, ..AuditRecord::default() }
    }

    /// A service's answer: its newest after a place, at most `limit`, or fewer when it may say no more at once.
    fn answer(
        kept: &[AuditRecord],
        after: Option<(i64, &str)>,
        limit: usize,
        most: usize,
    ) -> ListAuditResponse {
        let mut newest: Vec<_> =
            kept.iter().filter(|record| after.is_none_or(|after| place(record) < after)).cloned().collect();
        newest.sort_by(|one, other| place(other).cmp(&place(one)));
        let has_more = newest.len() >= limit.min(most);
        newest.truncate(limit.min(most));
        ListAuditResponse { records: newest, has_more }
    }

    proptest! {
        #[test]
        fn no_record_is_lost_or_doubled_whatever_the_pages_and_the_times(
            // Few times: most are shared by several services.
            times in prop::collection::vec((0_i64..6, 0_usize..4), 0..60),
            limit in 1_usize..8,
            most in 1_usize..8,
        ) {
            let mut services = vec![Vec::new(); 4];
            for (number, (at, service)) in times.iter().enumerate() {
                services[*service].push(record(*at, number));
            }
            // Two of them share a database.
            services[3] = services[2].clone();
            let mut seen: Vec<AuditRecord> = Vec::new();
            loop {
                let after = seen.last().map(place);
                let pages = services.iter().map(|kept| answer(kept, after, limit, most)).collect();
                let (page, has_more) = merge(pages, limit);
                prop_assert!(page.len() <= limit);
                prop_assert!(!has_more || !page.is_empty());
                seen.extend(page);
                if !has_more {
                    break;
                }
            }
            let mut expected: Vec<_> = services[..3].concat();
            expected.sort_by(|one, other| place(other).cmp(&place(one)));
            prop_assert_eq!(seen, expected);
        }
    }
}
