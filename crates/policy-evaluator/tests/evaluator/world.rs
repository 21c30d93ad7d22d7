//! The evaluator and the token registry in one process, and words to speak to them.

use crate::words::{Refusal, application, refusal};
use database::Database;
use local_servers::Postgres;
use model::{AccountId, SystemClock};
use policy_evaluator::default_callers;
use proto::change_feed::change_feed_client::ChangeFeedClient;
use proto::policy_evaluator as wire;
use proto::policy_evaluator::policy_evaluator_client::PolicyEvaluatorClient;
use proto::token_registry::token_registry_client::TokenRegistryClient;
use proto::token_registry::{CreateTokenRequest, DeleteTokenRequest};
use service_kit::{Assembly, GrpcChannel, assembly};
use std::sync::Arc;
use tempfile::TempDir;
use token_registry::pepper::Peppers;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

pub type Evaluator = PolicyEvaluatorClient<GrpcChannel>;

pub struct World {
    pub evaluator: Evaluator,
    /// The same database, read without a view of the feed.
    pub without_view: Evaluator,
    pub tokens: TokenRegistryClient<GrpcChannel>,
    pub account: String,
    routes: Routes,
    stop: CancellationToken,
    running: JoinHandle<Result<(), model::Error>>,
    databases: [Database; 2],
    directory: TempDir,
}

impl World {
    pub async fn on_sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("evaluator.db").display());
        Self::start(&url, directory).await
    }

    pub async fn on_postgresql(server: &Postgres, name: &str) -> Self {
        let url = server.create_database(name, name, None).await.unwrap();
        Self::start(&url, tempfile::tempdir().unwrap()).await
    }

    /// On a database that is there.
    pub async fn on(url: &str) -> Self {
        Self::start(url, tempfile::tempdir().unwrap()).await
    }

    async fn start(url: &str, directory: TempDir) -> Self {
        let database = Database::connect(url, 8).await.unwrap();
        let tokens = format!("sqlite:{}", directory.path().join("tokens.db").display());
        let tokens = Database::connect(&tokens, 4).await.unwrap();
        let databases = [database.clone(), tokens.clone()];
        let registry = registry(tokens).await;
        let as_caller =
            |caller| GrpcChannel::local(registry.routes.clone(), token_registry::default_callers(), caller);
        let evaluator = evaluator(database.clone(), as_caller("policy-evaluator")).await;
        let without_view = evaluator_channel(&self::evaluator(database, as_caller("policy-evaluator")).await);
        let (tokens, routes) = (TokenRegistryClient::new(as_caller("admin-api")), evaluator.routes.clone());
        let admin = evaluator_channel(&evaluator);
        let stop = CancellationToken::new();
        let workers = evaluator.workers.into_iter().chain(registry.workers).collect();
        let running = tokio::spawn(assembly::run(workers, stop.clone()));
        Self {
            evaluator: PolicyEvaluatorClient::new(admin),
            without_view: PolicyEvaluatorClient::new(without_view),
            tokens,
            account: AccountId::random().to_string(),
            routes,
            stop,
            running,
            databases,
            directory,
        }
    }

    pub fn as_caller(&self, caller: &str) -> GrpcChannel {
        GrpcChannel::local(self.routes.clone(), default_callers(), caller)
    }

    pub fn feed(&self) -> ChangeFeedClient<GrpcChannel> {
        ChangeFeedClient::new(self.as_caller("edge-gateway"))
    }

    /// Waits until the evaluator's own view has a lease and everything that was committed.
    pub async fn view_is_live(&self) {
        let team = wire::PutOrganizationRequest {
            account_id: self.account.clone(),
            auth_domain: Some("team.example.com".into()),
            ..Default::default()
        };
        loop {
            let answer = self.evaluator.clone().put_organization(team.clone()).await.unwrap().into_inner();
            if answer.propagation.unwrap().confirmed.len() == 1 {
                return;
            }
        }
    }

    /// Empties the evaluator's tables behind its back.
    pub async fn lose_applications(&self) {
        database::with!(&self.databases[0], |pool| {
            database::sqlx::query("DELETE FROM application_policies").execute(pool).await.unwrap();
            database::sqlx::query("DELETE FROM applications").execute(pool).await.unwrap();
        });
    }

    /// As if they had been made so many milliseconds earlier.
    pub async fn age_policy_tests(&self, by_ms: i64) {
        database::with!(&self.databases[0], |pool| {
            let aged = database::sqlx::query(
                "UPDATE policy_tests SET created_at_ms = created_at_ms - $1, expires_at_ms = expires_at_ms - $1",
            );
            aged.bind(by_ms).execute(pool).await.unwrap();
        });
    }

    pub async fn lose_audit_records(&self) {
        database::with!(&self.databases[0], |pool| {
            database::sqlx::query("DROP TABLE audit_records").execute(pool).await.unwrap();
        });
    }

    pub async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap().unwrap();
        for database in self.databases {
            database.close().await;
        }
        self.directory.close().unwrap();
    }

    pub async fn create_application(&self, domain: &str, links: Vec<wire::PolicyLink>) -> wire::Application {
        let request = wire::CreateApplicationRequest {
            account_id: self.account.clone(),
            spec: Some(application(domain)),
            policies: Some(wire::PolicyLinks { links }),
            ..Default::default()
        };
        let answer = self.evaluator.clone().create_application(request).await.unwrap().into_inner();
        answer.application.unwrap()
    }

    pub async fn create_policy(&self, spec: wire::PolicySpec) -> Result<wire::Policy, Refusal> {
        self.create_policy_in("", spec, None).await
    }

    pub async fn create_policy_in(
        &self,
        application: &str,
        spec: wire::PolicySpec,
        precedence: Option<i32>,
    ) -> Result<wire::Policy, Refusal> {
        let request = wire::CreatePolicyRequest {
            account_id: self.account.clone(),
            application_id: application.into(),
            spec: Some(spec),
            precedence,
            ..Default::default()
        };
        let answer = refusal(self.evaluator.clone().create_policy(request).await)?;
        Ok(answer.policy.unwrap())
    }

    pub async fn update_policy(&self, id: &str, spec: wire::PolicySpec) -> Result<wire::Policy, Refusal> {
        let request = wire::UpdatePolicyRequest {
            account_id: self.account.clone(),
            id: id.into(),
            spec: Some(spec),
            ..Default::default()
        };
        Ok(refusal(self.evaluator.clone().update_policy(request).await)?.policy.unwrap())
    }

    pub async fn delete_policy(&self, application: &str, id: &str) -> Result<(), Refusal> {
        let request = wire::DeletePolicyRequest {
            account_id: self.account.clone(),
            application_id: application.into(),
            id: id.into(),
            ..Default::default()
        };
        refusal(self.evaluator.clone().delete_policy(request).await).map(drop)
    }

    pub async fn create_group(&self, spec: wire::GroupSpec) -> Result<wire::Group, Refusal> {
        let request = wire::CreateGroupRequest {
            account_id: self.account.clone(),
            spec: Some(spec),
            ..Default::default()
        };
        Ok(refusal(self.evaluator.clone().create_group(request).await)?.group.unwrap())
    }

    pub async fn update_group(&self, id: &str, spec: wire::GroupSpec) -> Result<wire::Group, Refusal> {
        let request = wire::UpdateGroupRequest {
            account_id: self.account.clone(),
            id: id.into(),
            spec: Some(spec),
            ..Default::default()
        };
        Ok(refusal(self.evaluator.clone().update_group(request).await)?.group.unwrap())
    }

    pub async fn delete_group(&self, id: &str) -> Result<(), Refusal> {
        let request = wire::DeleteGroupRequest {
            account_id: self.account.clone(),
            id: id.into(),
            ..Default::default()
        };
        refusal(self.evaluator.clone().delete_group(request).await).map(drop)
    }

    pub async fn create_token(&self) -> String {
        let request = CreateTokenRequest {
            account_id: self.account.clone(),
            name: "token".into(),
            ..Default::default()
        };
        self.tokens.clone().create_token(request).await.unwrap().into_inner().token.unwrap().id
    }

    pub async fn delete_token(&self, id: &str) -> Result<(), Refusal> {
        let request =
            DeleteTokenRequest { account_id: self.account.clone(), id: id.into(), ..Default::default() };
        refusal(self.tokens.clone().delete_token(request).await).map(drop)
    }

    /// The outcome for a request of which nothing is known.
    pub async fn outcome(&self, application: &str) -> wire::Outcome {
        self.evaluate(application, wire::Facts::default()).await.outcome()
    }

    pub async fn evaluate(&self, application: &str, facts: wire::Facts) -> wire::EvaluateResponse {
        let request = wire::EvaluateRequest {
            application_id: application.into(),
            facts: Some(facts),
            explain: true,
            at_least: 0,
        };
        self.evaluator.clone().evaluate(request).await.unwrap().into_inner()
    }
}

async fn registry(database: Database) -> Assembly {
    let clock = Arc::new(SystemClock);
    let deps = token_registry::Deps {
        database,
        cache: cache::connect("memory:", clock.clone()).await.unwrap(),
        bus: bus::connect("memory:").await.unwrap(),
        clock,
        peppers: Peppers::new(&[7; 32], None),
        name: "token-registry".into(),
    };
    token_registry::build(deps).await.unwrap()
}

async fn evaluator(database: Database, token_registry: GrpcChannel) -> Assembly {
    let deps = policy_evaluator::Deps {
        database,
        bus: bus::connect("memory:").await.unwrap(),
        clock: Arc::new(SystemClock),
        token_registry: TokenRegistryClient::new(token_registry),
        name: "policy-evaluator".into(),
    };
    policy_evaluator::build(deps).await.unwrap()
}

fn evaluator_channel(assembly: &Assembly) -> GrpcChannel {
    GrpcChannel::local(assembly.routes.clone(), default_callers(), "admin-api")
}
