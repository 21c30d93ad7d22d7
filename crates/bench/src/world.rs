//! Every service in this process, as `sallyport dev` assembles them, with one application behind the gateway.

use crate::load::Target;
use crate::registry;
use admin_api::config::ApiToken;
use anyhow::{Context as _, Result};
use edge_gateway::config::Proxy;
use edge_gateway::forward_auth::Front;
use ipnet::IpNet;
use model::{AccountId, SystemClock};
use proto::policy_evaluator::rule::Selector;
use proto::policy_evaluator::{
    ApplicationSpec, CreateApplicationRequest, Decision, Empty, PolicyLink, PolicyLinks, PolicySpec,
    PutOrganizationRequest, Rule, SessionSignature, SetSessionSignatureRequest, policy_link,
};
use proto::token_registry::CreateTokenRequest;
use sallyport::embedded::{self, Embedded, Keys, Operator};
use service_kit::assembly;
use session_token::Algorithm;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// The protected application's.
pub const DOMAIN: &str = "app.localhost";

/// Which world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The gateway forwards everything unjudged.
    Unguarded,
    Empty,
    /// Many tokens in the registry.
    Full,
}

/// A Client ID and Client Secret.
#[derive(Clone)]
pub struct Pair {
    pub client_id: String,
    pub client_secret: String,
}

/// Running services.
pub struct World {
    pub gateway: SocketAddr,
    /// The gateway's second front.
    pub ext_authz: SocketAddr,
    /// Where proxies ask by HTTP.
    pub forward_auth: SocketAddr,
    pub operator: Operator,
    pub account: AccountId,
    /// Its one policy admits any service token.
    pub application: String,
    /// One SQLite file a service.
    pub databases: PathBuf,
    stop: CancellationToken,
    running: JoinHandle<Result<(), model::Error>>,
    _folder: TempDir,
}

impl World {
    pub async fn open(kind: Kind, upstream: SocketAddr) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let databases = folder.path().to_path_buf();
        let account = AccountId::random();
        if kind == Kind::Full {
            registry::fill(&databases, account, crate::MANY).await?;
        }
        let (listener, admin) =
            (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
        let gateway = listener.local_addr()?;
        let asked = TcpListener::bind("127.0.0.1:0").await?;
        let ext_authz = asked.local_addr()?;
        let front = Front {
            listener: TcpListener::bind("127.0.0.1:0").await?,
            trusted_proxies: vec![IpNet::from(IpAddr::from(Ipv4Addr::LOCALHOST))],
            country_header: None,
        };
        let forward_auth = front.listener.local_addr()?;
        let key = |byte| Zeroizing::new(vec![byte; 32]);
        let Embedded { workers, ready, operator } = embedded::assemble(embedded::Options {
            data_dir: databases.clone(),
            gateway: listener,
            ext_authz: Some(asked),
            forward_auth: Some(front),
            admin,
            proxy: Proxy {
                upstream: Some(format!("http://{upstream}")),
                is_unguarded: kind == Kind::Unguarded,
                ..Proxy::default()
            },
            keys: Keys { pepper: key(1), key_encryption: key(2), webhook_secrets: key(3) },
            // Nobody comes to the management API, and it insists on somebody who could.
            api_tokens: vec![ApiToken {
                account_id: account.to_string(),
                name: "nobody".to_owned(),
                sha256: "00".repeat(32),
            }],
            outbox: databases.clone(),
            clock: Arc::new(SystemClock),
        })
        .await?;
        let stop = CancellationToken::new();
        let running = tokio::spawn(assembly::run(workers, stop.clone()));
        let wait = async {
            while ready().await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.context("the gateway got no lease")?;
        let mut world = Self {
            gateway,
            ext_authz,
            forward_auth,
            operator,
            account,
            application: String::new(),
            databases,
            stop,
            running,
            _folder: folder,
        };
        world.application = world.protect().await?;
        Ok(world)
    }

    /// An organization, and an application that any service token opens. The application's id.
    async fn protect(&mut self) -> Result<String> {
        let account_id = self.account.to_string();
        let team = format!("team.localhost:{}", self.gateway.port());
        let organization = PutOrganizationRequest {
            account_id: account_id.clone(),
            name: Some("Benchmark".to_owned()),
            issuer: Some(format!("http://{team}")),
            auth_domain: Some(team),
            ..PutOrganizationRequest::default()
        };
        self.operator.policy_evaluator.put_organization(organization).await.context("the team domain")?;
        let admits = PolicySpec {
            name: "machines".to_owned(),
            decision: Decision::NonIdentity.into(),
            include: vec![Rule { selector: Some(Selector::AnyValidServiceToken(Empty {})) }],
            ..PolicySpec::default()
        };
        let link = PolicyLink { policy: Some(policy_link::Policy::Inline(admits)), ..PolicyLink::default() };
        let request = CreateApplicationRequest {
            account_id,
            spec: Some(ApplicationSpec {
                name: "benchmark".to_owned(),
                r#type: "self_hosted".to_owned(),
                domain: DOMAIN.to_owned(),
                destinations: vec![DOMAIN.to_owned()],
                ..ApplicationSpec::default()
            }),
            policies: Some(PolicyLinks { links: vec![link] }),
            ..CreateApplicationRequest::default()
        };
        let created = self.operator.policy_evaluator.create_application(request).await;
        let created = created.context("the application")?.into_inner();
        Ok(created.application.context("no application was created")?.id)
    }

    /// Sessions of the application are signed with this from now on.
    pub async fn sign_with(&self, algorithm: Algorithm) -> Result<()> {
        let signature = match algorithm {
            Algorithm::Rs256 => SessionSignature::Rs256,
            Algorithm::Es256 => SessionSignature::Es256,
        };
        let request = SetSessionSignatureRequest {
            account_id: self.account.to_string(),
            application_id: self.application.clone(),
            session_signature: signature.into(),
            ..SetSessionSignatureRequest::default()
        };
        let chosen = self.operator.policy_evaluator.clone().set_session_signature(request).await;
        chosen.map(drop).context("choosing the signature")
    }

    /// A new token through the registry.
    pub async fn create_token(&self) -> Result<Pair> {
        let request = CreateTokenRequest {
            account_id: self.account.to_string(),
            name: "benchmark".to_owned(),
            ..CreateTokenRequest::default()
        };
        let created = self.operator.token_registry.clone().create_token(request).await;
        let created = created.context("creating a token")?.into_inner();
        let client_id = created.token.context("no token was created")?.client_id;
        Ok(Pair { client_id, client_secret: created.client_secret })
    }

    /// Asks the gateway with a header pair.
    pub fn with_pair(&self, pair: &Pair) -> Target {
        Target::new(self.gateway, &pair.lines())
    }

    /// The session that the gateway hands out for a header pair, as a `Cookie` line.
    pub async fn session_line(&self, pair: &Pair) -> Result<String> {
        let head = self.with_pair(pair).head().await?;
        let session = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            let cookie = value.split(';').next()?;
            (name.eq_ignore_ascii_case("set-cookie") && cookie.starts_with("CF_Authorization="))
                .then_some(cookie)
        });
        Ok(format!("Cookie: {}\r\n", session.context("the gateway gave no session")?))
    }

    pub async fn close(self) -> Result<()> {
        self.stop.cancel();
        Ok(self.running.await??)
    }
}

impl Pair {
    /// As header lines.
    pub fn lines(&self) -> String {
        let Self { client_id, client_secret } = self;
        format!("CF-Access-Client-Id: {client_id}\r\nCF-Access-Client-Secret: {client_secret}\r\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::token_registry::ListTokensRequest;

    #[tokio::test]
    async fn a_filled_registry_is_one_the_services_read_and_admit_from() {
        let upstream = crate::upstream::serve().await.unwrap();
        let world = World::open(Kind::Empty, upstream).await.unwrap();
        registry::fill(&world.databases, world.account, 3).await.unwrap();
        let request =
            ListTokensRequest { account_id: world.account.to_string(), ..ListTokensRequest::default() };
        let listed = world.operator.token_registry.clone().list_tokens(request).await.unwrap().into_inner();
        assert_eq!(listed.total_count, 3);
        assert!(listed.tokens.iter().all(|token| token.id.parse::<model::TokenId>().is_ok()));
        assert!(listed.tokens.iter().all(|token| model::ClientId::parse(&token.client_id).is_some()));
        let pair = world.create_token().await.unwrap();
        let session = world.session_line(&pair).await.unwrap();
        Target::new(world.gateway, &session).head().await.unwrap();
        assert!(Target::new(world.gateway, "").head().await.is_err());
        world.close().await.unwrap();
    }
}
