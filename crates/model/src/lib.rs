//! The words every crate shares. No I/O, no runtime.
//!
//! | module | holds |
//! |---|---|
//! | [`error`] | [`Error`]: kind, stable reason, public text, fields |
//! | [`time`] | [`Timestamp`], [`Clock`] |
//! | [`duration`] | durations as the wire contract writes them |
//! | [`id`] | identifiers that cannot be swapped |
//! | [`credential`] | Client ID and Client Secret |
//! | [`address`] | what kind of address a request came from |
//! | [`api_token`] | what the management API is asked with |

pub mod address;
pub mod api_token;
mod checked;
pub mod credential;
pub mod duration;
pub mod error;
pub mod id;
pub mod time;

pub use address::AddressClass;
pub use api_token::ApiTokenValue;
pub use credential::{ClientId, ClientSecret};
pub use duration::{SessionDuration, TokenDuration};
pub use error::{Error, ErrorKind, Result, Violation};
pub use id::{AccountId, ApiTokenId, ApplicationId, Audience, GroupId, PolicyId, SessionId, TokenId};
pub use time::{BootTime, Clock, ManualClock, SystemClock, Timestamp};
