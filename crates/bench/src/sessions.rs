//! Requests of known sessions, drawn at random: a gateway that knows very many beside one that knows 10,000.

mod numbered;

use crate::ext_authz::{self, framed, question};
use crate::known::{self, COOKIE_NAME, HOST_NAME, Known};
use crate::load::Connection;
use crate::report::{Role, Row, Section, grouped};
use crate::series::{Series, Turn, nanos, now};
use crate::{Arguments, Stage, memory};
use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use edge_gateway::config::Proxy;
use numbered::{Draw, Numbered};
use service_kit::assembly;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

const FEW: u32 = 10_000;
const IN_FLIGHT: usize = 64;

/// A gateway, both of its fronts, and how many sessions it knows.
struct Gateway {
    sessions: u32,
    proxied: SocketAddr,
    asked: SocketAddr,
    stop: CancellationToken,
    running: JoinHandle<Result<(), model::Error>>,
}

#[derive(Clone, Copy)]
enum Front {
    Check,
    Proxy,
}

pub fn measure(arguments: &Arguments) -> Result<Vec<Section>> {
    let stage = Stage::set().context("starting the threads")?;
    eprintln!("sessions: {} sessions become known …", grouped(f64::from(arguments.sessions)));
    let few = stage.server.block_on(Gateway::open(FEW, stage.upstream))?;
    let before = memory::bytes("self", "RssAnon")?;
    let many = stage.server.block_on(Gateway::open(arguments.sessions, stage.upstream))?;
    let grown = (memory::bytes("self", "RssAnon")? - before) / f64::from(arguments.sessions);
    let gateways = [few, many];
    let mut sections = Vec::new();
    for front in [Front::Check, Front::Proxy] {
        sections.push(section(arguments, &stage, &gateways, front, grown)?);
    }
    for gateway in gateways {
        stage.server.block_on(gateway.close())?;
    }
    Ok(sections)
}

fn section(
    arguments: &Arguments,
    stage: &Stage,
    gateways: &[Gateway; 2],
    front: Front,
    grown: f64,
) -> Result<Section> {
    let mut draw = Draw::new(1);
    let mut turn = |gateway: &Gateway| {
        let draw = draw.split();
        stage.load.block_on(async {
            match front {
                Front::Check => gateway.check(arguments.turn(), draw).await,
                Front::Proxy => gateway.through(arguments.connections, arguments.turn(), draw).await,
            }
        })
    };
    let mut series = [0, 1].map(|_| Series::new(String::new()));
    for (gateway, series) in gateways.iter().zip(&mut series) {
        series.label = format!("{} sessions known", grouped(f64::from(gateway.sessions)));
        // Once for nothing: what a first turn meets is not in the processor's caches.
        turn(gateway)?;
    }
    for round in 0..arguments.rounds {
        eprintln!("sessions: round {} of {} …", round + 1, arguments.rounds);
        // Forth and back, so that nobody is always first.
        let mut turns: Vec<_> = gateways.iter().zip(&mut series).collect();
        if round % 2 == 1 {
            turns.reverse();
        }
        for (gateway, series) in turns {
            series.take(1, || turn(gateway))?;
        }
    }
    let [few, many] = &series;
    let (name, title) = match front {
        Front::Check => (
            "sessions-check",
            format!(
                "Envoy's Check, sessions at random; {} connections, {IN_FLIGHT} calls in flight",
                ext_authz::CONNECTIONS
            ),
        ),
        Front::Proxy => (
            "sessions-proxy",
            format!("Gateway, sessions at random in the cookie; {} connections", arguments.connections),
        ),
    };
    Ok(Section {
        name,
        title,
        notes: vec![
            "Goal: 0.90 or better. Every session was put into the gateway's memory as if it had been verified.".to_owned(),
            format!("Private memory grew by {grown:.0} bytes a session of the many."),
        ],
        rows: vec![Row::new(Role::Floor, few, None), Row::new(Role::Path, many, Some(few))],
    })
}

impl Gateway {
    async fn open(sessions: u32, upstream: SocketAddr) -> Result<Self> {
        // A shard of the memory may be full before the whole is: room, so that every session is known.
        let room = usize::try_from(sessions + sessions / 10 + 10_000)?;
        let known = Known::new(room, known::standing()).await?;
        known.remember_sessions(sessions)?;
        let (proxied, asked) =
            (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
        let addresses = (proxied.local_addr()?, asked.local_addr()?);
        let proxy = Proxy {
            upstream: Some(format!("http://{upstream}")),
            allow_plain_http: true,
            ..Proxy::default()
        };
        let workers = known.decisions.serve(&proxy, proxied, asked).await?;
        let stop = CancellationToken::new();
        let running = tokio::spawn(assembly::run(workers, stop.clone()));
        Ok(Self { sessions, proxied: addresses.0, asked: addresses.1, stop, running })
    }

    /// One turn of the proxy: each connection draws a session for each request.
    async fn through(&self, connections: u16, duration: Duration, mut draw: Draw) -> Result<Turn> {
        let request = format!(
            "GET /orders/17 HTTP/1.1\r\nHost: {HOST_NAME}\r\nAccept: */*\r\nUser-Agent: bench\r\n\
             Cookie: {COOKIE_NAME}{}\r\n\r\n",
            known::text(0)
        );
        let request = Numbered::new(request.into_bytes())?;
        let mut open = Vec::new();
        for _ in 0..connections {
            let mut connection = Connection::open(self.proxied).await?;
            connection.ask(&request.bytes).await?;
            open.push((connection, request.clone(), draw.split()));
        }
        let (mut asking, start, sessions) = (JoinSet::new(), now(), self.sessions);
        let end = start.after(duration);
        for (mut connection, mut request, mut draw) in open {
            asking.spawn(async move {
                let (mut latencies, mut sent) = (Vec::with_capacity(1 << 14), now());
                while sent < end {
                    request.set(draw.below(sessions));
                    connection.ask(&request.bytes).await?;
                    let answered = now();
                    latencies.push(nanos(answered.since(sent)));
                    sent = answered;
                }
                anyhow::Ok(latencies)
            });
        }
        all(asking, start).await
    }

    /// The same of Envoy's question; each answer must carry the session that was asked with.
    async fn check(&self, duration: Duration, mut draw: Draw) -> Result<Turn> {
        let cookie = format!("{COOKIE_NAME}{}", known::text(0));
        let asked = framed(&question(HOST_NAME, &[("cookie", &cookie)]));
        let answer = Numbered::new(ext_authz::first_answer(self.asked, &asked).await?.to_vec())?;
        let asked = Numbered::new(asked.to_vec())?;
        let mut open = Vec::new();
        for _ in 0..ext_authz::CONNECTIONS {
            let mut calls = ext_authz::connect(self.asked).await?;
            ext_authz::ask(&mut calls, self.asked, &Bytes::copy_from_slice(&asked.bytes)).await?;
            open.push(calls);
        }
        let (mut asking, start) = (JoinSet::new(), now());
        let (end, address, sessions) = (start.after(duration), self.asked, self.sessions);
        for calls in open.iter().cycle().take(IN_FLIGHT) {
            let (mut calls, mut asked, answer) = (calls.clone(), asked.clone(), answer.clone());
            let mut draw = draw.split();
            asking.spawn(async move {
                let (mut latencies, mut sent) = (Vec::with_capacity(1 << 12), now());
                while sent < end {
                    let number = draw.below(sessions);
                    asked.set(number);
                    let given =
                        ext_authz::ask(&mut calls, address, &Bytes::copy_from_slice(&asked.bytes)).await?;
                    ensure!(answer.is_like(&given, number), "a session is not known any more");
                    let answered = now();
                    latencies.push(nanos(answered.since(sent)));
                    sent = answered;
                }
                anyhow::Ok(latencies)
            });
        }
        all(asking, start).await
    }

    async fn close(self) -> Result<()> {
        self.stop.cancel();
        Ok(self.running.await??)
    }
}

async fn all(mut asking: JoinSet<Result<Vec<u32>>>, start: model::BootTime) -> Result<Turn> {
    let mut latencies = Vec::new();
    while let Some(asked) = asking.join_next().await {
        latencies.append(&mut asked??);
    }
    Ok(Turn { elapsed: now().since(start), latencies })
}
