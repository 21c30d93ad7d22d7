//! What a mail says, and the line that stands for it elsewhere.

use super::{About, Alert, days_until, second};
use crate::text::plain;
use proto::token_registry::Token;
use std::fmt::Write as _;

/// Until then.
pub(super) fn in_days(days: i64) -> String {
    if days == 1 { "within a day".to_owned() } else { format!("in {days} days") }
}

impl Alert<'_> {
    /// What follows the token's name.
    pub(super) fn what(&self) -> String {
        match self.about {
            About::Expiry if self.days() == 0 => "has expired".to_owned(),
            About::Expiry => format!("expires {}", in_days(self.days())),
            About::Unused(unused) => unused.will_end(days_until(unused.at_ms, self.now).max(1)),
            About::Ended(ended) => ended.has_ended(),
        }
    }

    /// The mail.
    pub fn mail(&self) -> String {
        let Token { id, client_id, account_id, .. } = self.token;
        let (name, expires) = (plain(&self.token.name), self.expires_at());
        let at = match self.about {
            About::Expiry => expires,
            About::Unused(inactivity) | About::Ended(inactivity) => second(inactivity.at_ms),
        };
        let not_before = if matches!(self.about, About::Unused(_)) { "not before " } else { "" };
        let mut text = format!("The service token \"{name}\" {} ({not_before}{at}).\n\n", self.what());
        let _ = writeln!(text, "  Name:       {name}");
        let _ = writeln!(text, "  Client ID:  {}", plain(client_id));
        let _ = writeln!(text, "  Token id:   {}", plain(id));
        let _ = writeln!(text, "  Account:    {}", plain(account_id));
        let _ = writeln!(text, "  Expires:    {expires}");
        match self.about {
            About::Expiry => {
                text.push_str("\nFrom then on, every request that presents it is refused.\n\n");
                text.push_str("Still in use?   Refresh it: one more year, and its users change nothing.\n");
                text.push_str("Time for a new secret?   Rotate it, and hand the new secret to its users.\n");
                text.push_str("No longer in use?   Delete it.\n");
            }
            About::Unused(unused) => {
                let _ = writeln!(text, "  Last used:  {}\n", self.last_used());
                text.push_str(&unused.what_to_do_before());
            }
            About::Ended(ended) => {
                let _ = writeln!(text, "  Last used:  {}\n", self.last_used());
                text.push_str(&ended.what_to_do_after());
            }
        }
        let policy = plain(&self.policy.spec.name);
        let _ = writeln!(text, "\nSent by the alert policy \"{policy}\". Alert {}", self.id);
        text
    }

    fn last_used(&self) -> String {
        self.token.last_seen_at_ms.map_or_else(|| "never".to_owned(), |at| second(at).to_string())
    }

    /// One paragraph.
    pub(super) fn line(&self) -> String {
        let (subject, client_id) = (self.subject(), plain(&self.token.client_id));
        match self.about {
            About::Expiry => format!(
                "{subject} (Client ID {client_id}, at {}). Refresh or rotate it to keep its users working.",
                self.expires_at()
            ),
            About::Unused(unused) => format!(
                "{subject} (Client ID {client_id}, not before {}). Use it or name it in a policy to keep it.",
                second(unused.at_ms)
            ),
            About::Ended(ended) => {
                let remedy = if ended.deletes {
                    "Create another one if it is still needed."
                } else {
                    "Enable it if it is still needed."
                };
                format!("{subject} (Client ID {client_id}, at {}). {remedy}", second(ended.at_ms))
            }
        }
    }
}
