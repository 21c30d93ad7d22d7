//! Authorities of client certificates. They are kept; no enforcement point reads them.

use super::{Rpc, check_account, count, read};
use crate::audited::Subject;
use crate::change::{Intent, Plan};
use crate::domain::{Broken, CheckedBundle, check_bundle, check_hostname, check_hostnames, check_name};
use crate::store::{CertificateRow, HostnameSettingRow, Label, Page, Tables, Write};
use async_trait::async_trait;
use change_feed::Wait;
use model::{Error, ErrorKind, Timestamp};
use proto::policy_evaluator::{
    Certificate, CreateCertificateRequest, CreateCertificateResponse, DeleteCertificateRequest,
    DeleteCertificateResponse, GetCertificateRequest, GetCertificateResponse, GetCertificateSettingsRequest,
    GetCertificateSettingsResponse, HostnameSetting, ListCertificatesRequest, ListCertificatesResponse,
    PutCertificateSettingsRequest, PutCertificateSettingsResponse, UpdateCertificateRequest,
    UpdateCertificateResponse,
};
use uuid::Uuid;

struct Edit {
    account: String,
    id: String,
    kind: Kind,
}

enum Kind {
    Create { name: String, pem: String, hostnames: Vec<String> },
    Update { name: Option<String>, hostnames: Vec<String> },
    Delete,
}

#[async_trait]
impl Intent for Edit {
    /// None: it is gone.
    type Answer = Option<Certificate>;

    async fn plan(&self, tables: &mut dyn Tables, now: Timestamp) -> Result<Plan, Error> {
        let Self { account, id, kind } = self;
        let label = match kind {
            Kind::Create { name, pem, hostnames } => {
                let CheckedBundle { fingerprint, expires } = check_bundle(pem, now)?;
                if tables.certificate_with(account, &fingerprint).await?.is_some() {
                    return Err(already_exists());
                }
                Label::PutCertificate(CertificateRow {
                    id: id.clone(),
                    account_id: account.clone(),
                    name: name.clone(),
                    pem: pem.clone(),
                    fingerprint,
                    expires_at_ms: expires.as_millis(),
                    hostnames: list(hostnames),
                    created_at_ms: now.as_millis(),
                    updated_at_ms: now.as_millis(),
                })
            }
            Kind::Update { name, hostnames } => {
                let before = find(tables, account, id).await?;
                Label::PutCertificate(CertificateRow {
                    name: name.clone().unwrap_or_else(|| before.name.clone()),
                    hostnames: list(hostnames),
                    updated_at_ms: now.as_millis(),
                    ..before
                })
            }
            Kind::Delete => {
                if !find(tables, account, id).await?.hostnames()?.is_empty() {
                    let message = "the certificate has associated host names; remove them first";
                    return Err(Error::new(ErrorKind::NotReady, "CERTIFICATE_IN_USE", message));
                }
                Label::DeleteCertificate { id: id.clone() }
            }
        };
        Ok(Plan { writes: vec![Write::Label(label)], ..Plan::default() })
    }

    fn subject(&self) -> Subject {
        Subject::Certificate(self.id.clone())
    }

    async fn answer(&self, tables: &mut dyn Tables) -> Result<Option<Certificate>, Error> {
        match self.kind {
            Kind::Delete => Ok(None),
            _ => find(tables, &self.account, &self.id).await?.into_wire().map(Some),
        }
    }
}

struct PutSettings {
    account: String,
    settings: Vec<HostnameSetting>,
}

#[async_trait]
impl Intent for PutSettings {
    type Answer = Vec<HostnameSetting>;

    async fn plan(&self, _tables: &mut dyn Tables, _now: Timestamp) -> Result<Plan, Error> {
        let label = |setting: &HostnameSetting| Label::PutHostnameSetting {
            account: self.account.clone(),
            setting: HostnameSettingRow {
                hostname: setting.hostname.clone(),
                china_network: setting.china_network,
                client_certificate_forwarding: setting.client_certificate_forwarding,
            },
        };
        Ok(Plan { writes: self.settings.iter().map(label).map(Write::Label).collect(), ..Plan::default() })
    }

    fn subject(&self) -> Subject {
        Subject::CertificateSettings
    }

    async fn answer(&self, tables: &mut dyn Tables) -> Result<Vec<HostnameSetting>, Error> {
        settings(tables, &self.account).await
    }
}

async fn settings(tables: &mut dyn Tables, account: &str) -> Result<Vec<HostnameSetting>, Error> {
    let rows = tables.hostname_settings(account).await?;
    Ok(rows.into_iter().map(HostnameSettingRow::into_wire).collect())
}

async fn find(tables: &mut dyn Tables, account: &str, id: &str) -> Result<CertificateRow, Error> {
    tables.certificate(account, id).await?.ok_or_else(|| Error::not_found("certificate"))
}

fn already_exists() -> Error {
    let violation = Error::invalid("certificate", "the account has it already");
    Error::new(ErrorKind::AlreadyExists, "CERTIFICATE_ALREADY_EXISTS", violation.message())
        .with_violations(violation.violations().to_vec())
}

fn list(hostnames: &[String]) -> String {
    serde_json::Value::from(hostnames).to_string()
}

impl Rpc {
    async fn edit_certificate(
        &self,
        account: String,
        id: String,
        kind: Kind,
    ) -> Result<Option<Certificate>, Error> {
        check_account(&account)?;
        let intent = Edit { account, id, kind };
        Ok(self.changes.run(&intent, &intent.account, Wait::None).await?.0)
    }

    pub(super) async fn create_certificate(
        &self,
        request: CreateCertificateRequest,
    ) -> Result<CreateCertificateResponse, Error> {
        let CreateCertificateRequest { account_id, name, certificate: pem, associated_hostnames } = request;
        check_name(&name)?;
        check_hostnames(&associated_hostnames)?;
        let id = Uuid::new_v4().to_string();
        let kind = Kind::Create { name, pem, hostnames: associated_hostnames };
        Ok(CreateCertificateResponse { certificate: self.edit_certificate(account_id, id, kind).await? })
    }

    pub(super) async fn get_certificate(
        &self,
        request: GetCertificateRequest,
    ) -> Result<GetCertificateResponse, Error> {
        let GetCertificateRequest { account_id, id } = request;
        check_account(&account_id)?;
        let row = read!(&self.database, |tables| find(tables, &account_id, &id).await?);
        Ok(GetCertificateResponse { certificate: Some(row.into_wire()?) })
    }

    pub(super) async fn list_certificates(
        &self,
        request: ListCertificatesRequest,
    ) -> Result<ListCertificatesResponse, Error> {
        let ListCertificatesRequest { account_id, page, per_page } = request;
        check_account(&account_id)?;
        let page = Page::new(page, per_page);
        let (rows, total) = read!(&self.database, |tables| tables.certificates(&account_id, page).await?);
        let certificates = rows.into_iter().map(CertificateRow::into_wire).collect::<Result<_, _>>()?;
        Ok(ListCertificatesResponse { certificates, total_count: count(total) })
    }

    pub(super) async fn update_certificate(
        &self,
        request: UpdateCertificateRequest,
    ) -> Result<UpdateCertificateResponse, Error> {
        let UpdateCertificateRequest { account_id, id, name, associated_hostnames } = request;
        name.as_deref().map_or(Ok(()), check_name)?;
        check_hostnames(&associated_hostnames)?;
        let kind = Kind::Update { name, hostnames: associated_hostnames };
        Ok(UpdateCertificateResponse { certificate: self.edit_certificate(account_id, id, kind).await? })
    }

    pub(super) async fn delete_certificate(
        &self,
        request: DeleteCertificateRequest,
    ) -> Result<DeleteCertificateResponse, Error> {
        let DeleteCertificateRequest { account_id, id } = request;
        self.edit_certificate(account_id, id, Kind::Delete).await?;
        Ok(DeleteCertificateResponse {})
    }

    pub(super) async fn get_certificate_settings(
        &self,
        request: GetCertificateSettingsRequest,
    ) -> Result<GetCertificateSettingsResponse, Error> {
        check_account(&request.account_id)?;
        let settings = read!(&self.database, |tables| settings(tables, &request.account_id).await?);
        Ok(GetCertificateSettingsResponse { settings })
    }

    pub(super) async fn put_certificate_settings(
        &self,
        request: PutCertificateSettingsRequest,
    ) -> Result<PutCertificateSettingsResponse, Error> {
        /// Most host names of one request.
        const MAX: usize = 1000;
        let PutCertificateSettingsRequest { account_id, settings } = request;
        check_account(&account_id)?;
        if settings.len() > MAX {
            return Err(Error::invalid("settings", format!("must not have more than {MAX} entries")));
        }
        let mut broken = Broken::default();
        for (index, setting) in settings.iter().enumerate() {
            broken.check(check_hostname(&setting.hostname, &format!("settings/{index}/hostname")));
        }
        broken.refuse()?;
        let intent = PutSettings { account: account_id, settings };
        let (settings, _) = self.changes.run(&intent, &intent.account, Wait::None).await?;
        Ok(PutCertificateSettingsResponse { settings })
    }
}
