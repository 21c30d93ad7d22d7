use model::{Error, SessionDuration};
use serde_json::{Map, Value};

/// Most characters of a name.
const MAX_NAME: usize = 350;
/// Most characters of a tag.
const MAX_TAG: usize = 100;
/// Most bytes of the further fields of the wire contract.
const MAX_SETTINGS: usize = 64 * 1024;

pub fn check_name(name: &str) -> Result<(), Error> {
    if name.is_empty() || name.chars().count() > MAX_NAME {
        return Err(Error::invalid("name", format!("must have 1-{MAX_NAME} characters")));
    }
    if name.chars().any(char::is_control) {
        return Err(Error::invalid("name", "must not have control characters"));
    }
    Ok(())
}

pub fn check_tag(name: &str, field: &str) -> Result<(), Error> {
    if name.is_empty() || name.chars().count() > MAX_TAG || name.chars().any(char::is_control) {
        let rule = format!("must have 1-{MAX_TAG} characters, none of them a control character");
        return Err(Error::invalid(field, rule));
    }
    Ok(())
}

/// Empty is unset: clients write both.
pub fn check_session_duration(text: Option<&str>) -> Result<(), Error> {
    match text {
        None | Some("") => Ok(()),
        Some(text) => SessionDuration::parse(text).map(drop),
    }
}

pub fn check_settings(text: &str) -> Result<Map<String, Value>, Error> {
    if text.is_empty() {
        return Ok(Map::new());
    }
    if text.len() > MAX_SETTINGS {
        return Err(Error::invalid("settings_json", format!("must have at most {MAX_SETTINGS} bytes")));
    }
    serde_json::from_str(text).map_err(|_| Error::invalid("settings_json", "must be a JSON object"))
}
