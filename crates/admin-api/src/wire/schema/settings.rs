//! Fields that are kept and shown as they were given, described from their own table.

use super::{Field, Shape, any_list, any_object, at_times, flag, may, must, text};
use crate::wire::settings::{Absent, Setting, Shape as Kind};

const KEPT: &str = "Kept and shown; nothing acts on it.";

/// In a body.
pub fn given(table: &'static [Setting]) -> impl Iterator<Item = Field> {
    table.iter().map(|setting| may(setting.name, shape(setting, KEPT)))
}

/// In a result.
pub fn shown(table: &'static [Setting]) -> impl Iterator<Item = Field> {
    table.iter().map(|setting| match setting.absent {
        Absent::Omitted => at_times(setting.name, shape(setting, "As it was given.")),
        Absent::False | Absent::True | Absent::EmptyList => must(setting.name, shape(setting, "")),
    })
}

fn shape(setting: &Setting, says: &str) -> Shape {
    match setting.shape {
        Kind::Flag => flag(says),
        Kind::Text => text(says, ""),
        Kind::List => any_list(says),
        Kind::Object => any_object(says),
    }
}
