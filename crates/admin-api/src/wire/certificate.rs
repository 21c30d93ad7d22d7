//! Authorities of client certificates, and what is set for host names.

use super::fields::Fields;
use super::time;
use model::Error;
use proto::policy_evaluator::{
    Certificate, CreateCertificateRequest, HostnameSetting, UpdateCertificateRequest,
};
use serde_json::{Value, json};

pub fn read_create(account_id: String, fields: &mut Fields) -> Result<CreateCertificateRequest, Error> {
    Ok(CreateCertificateRequest {
        account_id,
        name: fields.required_text("name")?,
        certificate: fields.required_text("certificate")?,
        associated_hostnames: fields.texts("associated_hostnames")?.unwrap_or_default(),
    })
}

/// Host names that are not given are cleared: that is how clients empty a certificate before they delete it.
pub fn read_update(
    account_id: String,
    id: String,
    fields: &mut Fields,
) -> Result<UpdateCertificateRequest, Error> {
    let associated_hostnames = fields.texts("associated_hostnames")?.unwrap_or_default();
    Ok(UpdateCertificateRequest { account_id, id, name: fields.text("name")?, associated_hostnames })
}

pub fn read_settings(fields: &mut Fields) -> Result<Vec<HostnameSetting>, Error> {
    let items = fields.list("settings")?.ok_or_else(|| fields.missing("settings"))?;
    let read = |item| {
        let mut setting = Fields::of(item)?;
        let hostname = setting.required_text("hostname")?;
        let mut flag = |name: &str| setting.flag(name)?.ok_or_else(|| setting.missing(name));
        Ok(HostnameSetting {
            hostname,
            china_network: flag("china_network")?,
            client_certificate_forwarding: flag("client_certificate_forwarding")?,
        })
    };
    items.into_iter().map(read).collect()
}

pub fn view(certificate: Certificate) -> Value {
    let Certificate {
        id,
        account_id: _,
        name,
        fingerprint,
        expires_at_ms,
        associated_hostnames,
        created_at_ms,
        updated_at_ms,
    } = certificate;
    json!({
        "id": id,
        "name": name,
        "fingerprint": format!("SHA256 Fingerprint={fingerprint}"),
        "expires_on": time(expires_at_ms),
        "associated_hostnames": associated_hostnames,
        "created_at": time(created_at_ms),
        "updated_at": time(updated_at_ms),
    })
}

pub fn view_setting(setting: HostnameSetting) -> Value {
    let HostnameSetting { hostname, china_network, client_certificate_forwarding } = setting;
    json!({
        "hostname": hostname,
        "china_network": china_network,
        "client_certificate_forwarding": client_certificate_forwarding,
    })
}
