use model::Error;
use prost::Message;
use proto::policy_evaluator as wire;

database::row! {
    #[derive(Debug, Clone)]
    pub struct ApplicationRow {
        id: String,
        account_id: String,
        aud: String,
        spec: Vec<u8>,
        created_at_ms: i64,
        updated_at_ms: i64,
        failure_mode: Option<Vec<u8>>,
        session_signature: Option<String>,
    }
}

database::row! {
    #[derive(Debug, Clone)]
    pub struct PolicyRow {
        id: String,
        account_id: String,
        application_id: Option<String>,
        spec: Vec<u8>,
        created_at_ms: i64,
        updated_at_ms: i64,
        app_count: i64,
        precedence: i64,
        linked_by: String,
    }
}

database::row! {
    #[derive(Debug, Clone)]
    pub struct GroupRow {
        id: String,
        account_id: String,
        spec: Vec<u8>,
        created_at_ms: i64,
        updated_at_ms: i64,
    }
}

database::row! {
    #[derive(Debug, Clone)]
    pub struct OrganizationRow {
        account_id: String,
        team_host: String,
        spec: Vec<u8>,
        created_at_ms: i64,
        updated_at_ms: i64,
    }
}

database::row! {
    /// A policy or group of which the token registry may hold references.
    #[derive(Debug, Clone)]
    pub struct ReferrerRow {
        referrer: String,
        account_id: String,
        since_ms: i64,
    }
}

database::row! {
    #[derive(Debug, Clone)]
    pub struct TagRow {
        name: String,
        app_count: i64,
        created_at_ms: i64,
        updated_at_ms: i64,
    }
}

database::row! {
    #[derive(Debug, Clone, PartialEq)]
    pub struct CertificateRow {
        id: String,
        account_id: String,
        name: String,
        pem: String,
        fingerprint: String,
        expires_at_ms: i64,
        hostnames: String,
        created_at_ms: i64,
        updated_at_ms: i64,
    }
}

database::row! {
    #[derive(Debug, Clone, PartialEq)]
    pub struct HostnameSettingRow {
        hostname: String,
        china_network: bool,
        client_certificate_forwarding: bool,
    }
}

fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M, Error> {
    M::decode(bytes).map_err(|error| Error::internal(format!("a stored message is damaged: {error}")))
}

impl ApplicationRow {
    pub fn spec(&self) -> Result<wire::ApplicationSpec, Error> {
        decode(&self.spec)
    }

    /// None: nothing is written, so closed.
    pub fn failure_mode(&self) -> Result<Option<wire::FailureMode>, Error> {
        self.failure_mode.as_deref().map(decode).transpose()
    }

    /// Unspecified: nothing was chosen, so RS256.
    pub fn session_signature(&self) -> Result<wire::SessionSignature, Error> {
        match self.session_signature.as_deref() {
            None => Ok(wire::SessionSignature::Unspecified),
            Some("RS256") => Ok(wire::SessionSignature::Rs256),
            Some("ES256") => Ok(wire::SessionSignature::Es256),
            Some(other) => {
                Err(Error::internal(format!("an application's sessions are signed by \"{other}\"")))
            }
        }
    }

    pub fn into_wire(self, policies: Vec<PolicyRow>) -> Result<wire::Application, Error> {
        let spec = self.spec()?;
        let Self { id, account_id, aud, spec: _, created_at_ms, updated_at_ms, .. } = self;
        let policies = policies.into_iter().map(PolicyRow::into_wire).collect::<Result<_, _>>()?;
        Ok(wire::Application {
            id,
            account_id,
            aud,
            spec: Some(spec),
            policies,
            created_at_ms,
            updated_at_ms,
        })
    }
}

impl PolicyRow {
    pub fn spec(&self) -> Result<wire::PolicySpec, Error> {
        decode(&self.spec)
    }

    pub fn is_reusable(&self) -> bool {
        self.application_id.is_none()
    }

    pub fn into_wire(self) -> Result<wire::Policy, Error> {
        let (spec, reusable) = (self.spec()?, self.is_reusable());
        let Self { id, account_id, created_at_ms, updated_at_ms, app_count, precedence, .. } = self;
        Ok(wire::Policy {
            id,
            account_id,
            spec: Some(spec),
            precedence: i32::try_from(precedence).unwrap_or(i32::MAX),
            reusable,
            app_count: u32::try_from(app_count).unwrap_or(u32::MAX),
            created_at_ms,
            updated_at_ms,
        })
    }
}

impl GroupRow {
    pub fn spec(&self) -> Result<wire::GroupSpec, Error> {
        decode(&self.spec)
    }

    pub fn into_wire(self) -> Result<wire::Group, Error> {
        let spec = self.spec()?;
        let Self { id, account_id, spec: _, created_at_ms, updated_at_ms } = self;
        Ok(wire::Group { id, account_id, spec: Some(spec), created_at_ms, updated_at_ms })
    }
}

impl OrganizationRow {
    pub fn into_wire(self) -> Result<wire::Organization, Error> {
        let Self { account_id, team_host: _, spec, created_at_ms, updated_at_ms } = self;
        Ok(wire::Organization { account_id, created_at_ms, updated_at_ms, ..decode(&spec)? })
    }
}

impl TagRow {
    pub fn into_wire(self) -> wire::Tag {
        let Self { name, app_count, created_at_ms, updated_at_ms } = self;
        let app_count = u32::try_from(app_count).unwrap_or(u32::MAX);
        wire::Tag { name, app_count, created_at_ms, updated_at_ms }
    }
}

impl CertificateRow {
    pub fn hostnames(&self) -> Result<Vec<String>, Error> {
        serde_json::from_str(&self.hostnames)
            .map_err(|error| Error::internal(format!("a stored list is damaged: {error}")))
    }

    pub fn into_wire(self) -> Result<wire::Certificate, Error> {
        let associated_hostnames = self.hostnames()?;
        let Self { id, account_id, name, fingerprint, expires_at_ms, created_at_ms, updated_at_ms, .. } =
            self;
        Ok(wire::Certificate {
            id,
            account_id,
            name,
            fingerprint,
            expires_at_ms,
            associated_hostnames,
            created_at_ms,
            updated_at_ms,
        })
    }
}

impl HostnameSettingRow {
    pub fn into_wire(self) -> wire::HostnameSetting {
        let Self { hostname, china_network, client_certificate_forwarding } = self;
        wire::HostnameSetting { hostname, china_network, client_certificate_forwarding }
    }
}
