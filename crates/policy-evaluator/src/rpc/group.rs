//! Groups.

mod delete;
mod put;
mod read;

use model::Error;

fn no_such_group() -> Error {
    Error::not_found("group")
}
