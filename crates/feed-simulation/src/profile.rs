//! Which faults happen, and how often.

use crate::chance::Chance;
use std::fmt;
use std::str::FromStr;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    Calm,
    Lossy,
    Partitions,
    Crashes,
    Clocks,
    Failovers,
    Everything,
}

/// Chances in a thousand for what happens to messages; mean seconds between what happens to machines, 0 for never.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// A request or its answer is lost.
    pub lost: u64,
    pub duplicated: u64,
    /// A request or answer takes seconds.
    pub late: u64,
    /// A message on the bus is lost, repeated or late, or not the owner's.
    pub bus: u64,
    /// A decision's thread stops in the middle.
    pub stalls: u64,
    pub partition: u64,
    pub bus_outage: u64,
    pub forgery: u64,
    pub gateway_killed: u64,
    pub gateway_stopped: u64,
    pub gateway_paused: u64,
    pub owner_killed: u64,
    pub owner_paused: u64,
    pub database_trouble: u64,
    pub database_clock: u64,
    pub calendar: u64,
    pub failover: u64,
    /// The most that a clock is fast or slow, in millionths.
    pub drift: i64,
}

impl Profile {
    pub const ALL: [Self; 7] = [
        Self::Calm,
        Self::Lossy,
        Self::Partitions,
        Self::Crashes,
        Self::Clocks,
        Self::Failovers,
        Self::Everything,
    ];

    /// By seed: the harder ones more often.
    pub fn of(seed: u64) -> Self {
        match Chance::new(seed ^ 0x9e37).below(12) {
            0 => Self::Calm,
            1 | 2 => Self::Lossy,
            3 | 4 => Self::Partitions,
            5 | 6 => Self::Crashes,
            7 | 8 => Self::Clocks,
            9 | 10 => Self::Failovers,
            _ => Self::Everything,
        }
    }

    pub fn faults(self) -> Faults {
        let calm = Faults { drift: 200, bus: 5, stalls: 5, ..Faults::default() };
        match self {
            Self::Calm => calm,
            Self::Lossy => Faults {
                lost: 60,
                duplicated: 60,
                late: 40,
                bus: 300,
                bus_outage: 15,
                forgery: 3,
                stalls: 30,
                ..calm
            },
            Self::Partitions => Faults { lost: 10, late: 20, bus: 100, partition: 3, bus_outage: 20, ..calm },
            Self::Crashes => Faults {
                late: 10,
                stalls: 30,
                gateway_killed: 9,
                gateway_stopped: 12,
                gateway_paused: 9,
                owner_killed: 7,
                owner_paused: 12,
                database_trouble: 10,
                ..calm
            },
            Self::Clocks => Faults {
                drift: 45_000,
                late: 20,
                partition: 8,
                gateway_paused: 8,
                database_clock: 5,
                calendar: 4,
                owner_killed: 20,
                ..calm
            },
            Self::Failovers => Faults {
                late: 20,
                lost: 10,
                partition: 8,
                failover: 9,
                owner_killed: 20,
                gateway_killed: 20,
                ..calm
            },
            Self::Everything => Faults {
                lost: 30,
                duplicated: 30,
                late: 30,
                bus: 200,
                stalls: 30,
                partition: 6,
                bus_outage: 20,
                forgery: 6,
                gateway_killed: 15,
                gateway_stopped: 20,
                gateway_paused: 12,
                owner_killed: 12,
                owner_paused: 20,
                database_trouble: 15,
                database_clock: 12,
                calendar: 12,
                failover: 15,
                drift: 45_000,
            },
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Calm => "calm",
            Self::Lossy => "lossy",
            Self::Partitions => "partitions",
            Self::Crashes => "crashes",
            Self::Clocks => "clocks",
            Self::Failovers => "failovers",
            Self::Everything => "everything",
        })
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(|profile| profile.to_string()).join(", ");
        Self::ALL.into_iter().find(|profile| profile.to_string() == name).ok_or_else(names)
    }
}
