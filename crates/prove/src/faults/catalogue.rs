//! All faults, in the order in which they come.
//!
//! To add one: a line here; if it is of a new kind, an [`Action`] and its two arms in `inject.rs`.

use super::nats::Storm as NatsStorm;
use super::redis::Storm as RedisStorm;
use super::{Action, Fault, Server};
use crate::link::Mode;
use crate::recorder::duty::Part;
use crate::site::{CLOCKS, GATEWAYS, OWNERS, Site};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
/// Longer than a lease.
const LONG: Duration = Duration::from_secs(8);
const SLOW: Duration = Duration::from_millis(200);

/// Those of the short form, by name.
const SHORT: [&str; 14] = [
    "nothing",
    "kill edge-gateway-1",
    "kill token-registry",
    "kill postgresql",
    "freeze edge-gateway-2 8 s",
    "freeze token-registry 8 s",
    "cut edge-gateway-1 from its owners",
    "edge-gateway-3 is not heard",
    "cut everyone from nats",
    "redis restored from an older copy",
    "nats broadcasts repeated",
    "nats broadcasts forged",
    "clock of session-issuer",
    "kill edge-gateway-1 while nats is cut",
];

/// Every one.
pub fn all() -> Vec<Fault> {
    let mut all = List(Vec::new());
    all.add("nothing", &[], LONG, Action::Nothing);
    kills(&mut all);
    freezes(&mut all);
    links(&mut all);
    storms(&mut all);
    let behind_cut = Action::KillBehindCut("edge-gateway-1", Site::callers(), vec!["nats"]);
    all.add("kill edge-gateway-1 while nats is cut", &[], SECOND * 3, behind_cut);
    let behind_cut = Action::KillBehindCut("token-registry", GATEWAYS.to_vec(), vec!["session-issuer"]);
    all.add(
        "kill token-registry while gateways are cut from session-issuer",
        &[Part::Registry],
        SECOND * 3,
        behind_cut,
    );
    // What it does to a gateway that believes it may be seen long after.
    all.add("nats broadcasts forged", &[], LONG, Action::Nats(NatsStorm::Forged));
    for name in CLOCKS {
        // Ahead for so long, then behind, each half of it.
        all.add(&format!("clock of {name}"), &[], SECOND * 8, Action::Clock(name));
    }
    all.0
}

struct List(Vec<Fault>);

impl List {
    fn add(&mut self, name: &str, parts: &'static [Part], hold: Duration, action: Action) {
        let is_short = SHORT.contains(&name);
        self.0.push(Fault { name: name.to_owned(), parts, hold, is_short, action });
    }
}

fn kills(all: &mut List) {
    let services: [(&str, &[Part]); 8] = [
        ("edge-gateway-1", &[]),
        ("edge-gateway-2", &[]),
        ("edge-gateway-3", &[]),
        ("token-registry", &[Part::Registry]),
        ("policy-evaluator", &[Part::Evaluator]),
        ("session-issuer", &[Part::Issuer]),
        ("admin-api", &[Part::Admin]),
        ("notifier", &[]),
    ];
    for (name, parts) in services {
        all.add(&format!("kill {name}"), parts, SECOND * 2, Action::Kill(name));
    }
    let servers: [(&str, &[Part], Server); 3] = [
        ("postgresql", Part::ALL, Server::Postgres),
        ("redis", &[], Server::Redis),
        ("nats", &[], Server::Nats),
    ];
    for (name, parts, server) in servers {
        all.add(&format!("kill {name}"), parts, SECOND * 2, Action::KillServer(server));
    }
}

fn freezes(all: &mut List) {
    for hold in [SECOND, LONG] {
        let name = format!("freeze edge-gateway-2 {} s", hold.as_secs());
        all.add(&name, &[], hold, Action::Freeze("edge-gateway-2"));
    }
    all.add("freeze token-registry 8 s", &[Part::Registry], LONG, Action::Freeze("token-registry"));
    all.add("freeze nats 8 s", &[], LONG, Action::FreezeServer(Server::Nats));
    all.add("freeze redis 8 s", &[], LONG, Action::FreezeServer(Server::Redis));
    all.add("freeze postgresql 8 s", Part::ALL, LONG, Action::FreezeServer(Server::Postgres));
}

fn links(all: &mut List) {
    let mut links =
        |name: &str, parts: &'static [Part], callers: &[&'static str], callees: &[&'static str], mode| {
            all.add(name, parts, LONG, Action::Links(callers.to_vec(), callees.to_vec(), mode));
        };
    for owner in OWNERS {
        links(&format!("cut edge-gateway-1 from {owner}"), &[], &["edge-gateway-1"], &[owner], Mode::Cut);
    }
    links("cut edge-gateway-1 from its owners", &[], &["edge-gateway-1"], &OWNERS, Mode::Cut);
    links("refuse edge-gateway-2 at its owners", &[], &["edge-gateway-2"], &OWNERS, Mode::Refuse);
    links("edge-gateway-3 is not heard", &[], &["edge-gateway-3"], &OWNERS, Mode::CutForth);
    links("edge-gateway-3 hears nothing", &[], &["edge-gateway-3"], &OWNERS, Mode::CutBack);
    links("gateways slow to their owners", &[], &GATEWAYS, &OWNERS, Mode::Delay(SLOW));
    links("cut everyone from nats", &[], &Site::callers(), &["nats"], Mode::Cut);
    links("nats slow to everyone", &[], &Site::callers(), &["nats"], Mode::Delay(SLOW * 3));
    links("cut token-registry from redis", &[], &["token-registry"], &["redis"], Mode::Cut);
    links("redis slow to token-registry", &[], &["token-registry"], &["redis"], Mode::Delay(SLOW));
    let owners: [(&'static str, &'static [Part]); 3] = [
        ("token-registry", &[Part::Registry]),
        ("policy-evaluator", &[Part::Evaluator]),
        ("session-issuer", &[Part::Issuer]),
    ];
    for (owner, parts) in owners {
        links(&format!("cut {owner} from postgresql"), parts, &[owner], &["postgresql"], Mode::Cut);
    }
    let slow = Mode::Delay(SLOW / 4);
    links("postgresql slow to everyone", Part::ALL, &Site::callers(), &["postgresql"], slow);
    let callees = ["token-registry", "policy-evaluator"];
    links("cut session-issuer from its callees", &[Part::Issuer], &["session-issuer"], &callees, Mode::Cut);
}

fn storms(all: &mut List) {
    for (name, storm) in [
        ("redis flushed all the time", RedisStorm::Flush),
        ("redis full of garbage", RedisStorm::Garbage),
        ("redis restored from an older copy", RedisStorm::Restore),
    ] {
        all.add(name, &[], LONG, Action::Redis(storm));
    }
    for (name, storm) in [
        ("nats broadcasts malformed", NatsStorm::Malformed),
        ("nats broadcasts repeated", NatsStorm::Repeated),
        ("nats broadcasts of another history", NatsStorm::OtherHistory),
    ] {
        all.add(name, &[], LONG, Action::Nats(storm));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_differ_and_the_short_form_is_among_them() {
        let all = all();
        let names: BTreeSet<&str> = all.iter().map(|fault| fault.name.as_str()).collect();
        assert_eq!(names.len(), all.len());
        let missing: Vec<_> = SHORT.iter().filter(|name| !names.contains(*name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
