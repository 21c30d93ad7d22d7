//! The table.

/// What is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    TokenRegistry,
    PolicyEvaluator,
    SessionIssuer,
    Notifier,
    AdminApi,
    Postgres,
    /// Not dead: it answers nobody any more.
    PostgresHanging,
    Redis,
    RedisHanging,
    Nats,
    NatsHanging,
}

impl Loss {
    pub const ALL: [Self; 11] = [
        Self::TokenRegistry,
        Self::PolicyEvaluator,
        Self::SessionIssuer,
        Self::Notifier,
        Self::AdminApi,
        Self::Postgres,
        Self::PostgresHanging,
        Self::Redis,
        Self::RedisHanging,
        Self::Nats,
        Self::NatsHanging,
    ];
}

/// What it costs.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub away: Loss,
    /// The gateways' leases end: failure modes apply.
    pub is_felt: bool,
    /// Status of the answer; 0: there is none.
    pub making_a_token: u16,
    pub revoking: u16,
}

const fn row(away: Loss, is_felt: bool, making_a_token: u16, revoking: u16) -> Row {
    Row { away, is_felt, making_a_token, revoking }
}

pub const ALL: &[Row] = &[
    row(Loss::TokenRegistry, true, 503, 202),
    row(Loss::PolicyEvaluator, true, 201, 503),
    row(Loss::SessionIssuer, true, 201, 503),
    row(Loss::Notifier, false, 201, 202),
    row(Loss::AdminApi, false, 0, 0),
    row(Loss::Postgres, true, 503, 503),
    row(Loss::PostgresHanging, true, 503, 503),
    row(Loss::Redis, false, 201, 202),
    row(Loss::RedisHanging, false, 201, 202),
    row(Loss::Nats, false, 201, 202),
    row(Loss::NatsHanging, false, 201, 202),
];
