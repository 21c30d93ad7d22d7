//! Audit records.

use super::time;
use model::Error;
use proto::audit::AuditRecord;
use serde_json::{Value, json};

/// `<milliseconds>.<id>` of the last record of a page.
pub fn cursor(record: &AuditRecord) -> String {
    format!("{}.{}", record.recorded_at_ms, record.id)
}

pub fn read_cursor(cursor: Option<&str>) -> Result<(i64, String), Error> {
    let Some(cursor) = cursor else { return Ok((0, String::new())) };
    let wrong = || Error::invalid("cursor", "must be the cursor of an answer");
    let (at, id) = cursor.split_once('.').ok_or_else(wrong)?;
    let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let at = at.parse().ok().filter(|_| is_id).ok_or_else(wrong)?;
    Ok((at, id.to_owned()))
}

pub fn view(record: AuditRecord) -> Value {
    let AuditRecord {
        id,
        recorded_at_ms,
        account_id,
        actor,
        operation,
        object_kind,
        object_id,
        before,
        after,
        outcome,
        status,
        error_code,
        call,
        attempts,
    } = record;
    let actor = actor.unwrap_or_default();
    let state = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
    let is_refused = outcome == "refused";
    let (request_id, user_agent) = (actor.request_id, actor.agent);
    let metadata = if is_refused {
        json!({
            "request_id": request_id,
            "user_agent": user_agent,
            "status": status,
            "error_code": error_code,
            "call": call,
            "attempts": attempts,
        })
    } else {
        json!({"request_id": request_id, "user_agent": user_agent})
    };
    json!({
        "id": id,
        "when": time(recorded_at_ms),
        "action": {"type": operation, "result": !is_refused},
        "actor": {"id": actor.id, "name": actor.name, "type": actor_type(&actor.kind), "kind": actor.kind, "ip": actor.address},
        "interface": "API",
        "metadata": metadata,
        "resource": {"id": object_id, "type": object_kind},
        "owner": {"id": account_id},
        "oldValue": before,
        "newValue": after,
        "oldValueJson": state(&before),
        "newValueJson": state(&after),
    })
}

/// The contract's word: an administrator, somebody else, or an automated system.
fn actor_type(kind: &str) -> &'static str {
    match kind {
        "service" => "Cloudflare",
        "unknown" => "user",
        _ => "admin",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let record = AuditRecord { id: "a1".repeat(16), recorded_at_ms: 7, ..AuditRecord::default() };
        assert_eq!(read_cursor(Some(&cursor(&record))).unwrap(), (7, record.id));
        assert_eq!(read_cursor(None).unwrap(), (0, String::new()));
        for wrong in ["7", "7.", ".a1", "x.a1", "7.' OR 1", "9e9.00"] {
            assert!(read_cursor(Some(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_was_not_there_is_null() {
        let record = AuditRecord { after: r#"{"name":"ci"}"#.into(), ..AuditRecord::default() };
        let shown = view(record);
        assert_eq!(shown["oldValueJson"], Value::Null);
        assert_eq!(shown["newValueJson"]["name"], "ci");
        assert_eq!(shown["action"]["result"], true);
    }

    #[test]
    fn of_what_was_refused_it_is_told_how() {
        let (outcome, call) = ("refused".to_owned(), "GET /x".to_owned());
        let record = AuditRecord { outcome, call, status: 403, error_code: 9109, ..AuditRecord::default() };
        let shown = view(record);
        assert_eq!(shown["action"]["result"], false);
        assert_eq!(
            (&shown["metadata"]["status"], &shown["metadata"]["error_code"]),
            (&json!(403), &json!(9109))
        );
    }
}
