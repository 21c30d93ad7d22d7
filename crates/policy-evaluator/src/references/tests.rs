use super::*;
use crate::store::Write;
use model::{AccountId, PolicyId, SystemClock, TokenId};
use prost::Message as _;
use proto::token_registry::{CreateTokenRequest, DeleteTokenRequest};
use tempfile::TempDir;
use token_registry::pepper::Peppers;

struct World {
    references: References,
    registry: TokenRegistryClient<GrpcChannel>,
    account: String,
    token: String,
    referrer: String,
    _directory: TempDir,
}

impl World {
    async fn start() -> Self {
        let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::new(SystemClock));
        let open = async |name: &str| {
            let url = format!("sqlite:{}", directory.path().join(name).display());
            Database::connect(&url, 4).await.unwrap()
        };
        let deps = token_registry::Deps {
            database: open("tokens.db").await,
            cache: cache::connect("memory:", clock.clone()).await.unwrap(),
            bus: bus::connect("memory:").await.unwrap(),
            clock: clock.clone(),
            peppers: Peppers::new(&[7; 32], None),
            name: "token-registry".into(),
        };
        let routes = token_registry::build(deps).await.unwrap().routes;
        let channel = |caller| GrpcChannel::local(routes.clone(), token_registry::default_callers(), caller);
        let (mut registry, own) = (channel("admin-api"), channel("policy-evaluator"));
        let database = open("evaluator.db").await;
        database.migrate(&database::migrations::POLICY_EVALUATOR).await.unwrap();
        let account = AccountId::random().to_string();
        let request =
            CreateTokenRequest { account_id: account.clone(), name: "token".into(), ..Default::default() };
        let token = TokenRegistryClient::new(&mut registry).create_token(request).await.unwrap().into_inner();
        Self {
            references: References::new(database, TokenRegistryClient::new(own), clock),
            registry: TokenRegistryClient::new(registry),
            account,
            token: token.token.unwrap().id,
            referrer: format!("policy/{}", PolicyId::random()),
            _directory: directory,
        }
    }

    async fn begin(&self, since_ms: i64) {
        database::with!(&self.references.database, |pool| {
            let mut connection = pool.acquire().await.unwrap();
            connection.begin_referrer(&self.referrer, &self.account, since_ms).await.unwrap();
        });
    }

    async fn tell(&self, tokens: Vec<String>) {
        let number = tokens.len();
        self.references.tell(&self.account, &self.referrer, "policy", tokens, number).await.unwrap();
    }

    async fn store_policy(&self) {
        self.store_policy_of(&[&self.token]).await;
    }

    async fn store_policy_of(&self, tokens: &[&str]) {
        let selector = |token: &&str| Some(wire::rule::Selector::ServiceToken((*token).to_owned()));
        let spec = wire::PolicySpec {
            name: "policy".into(),
            include: tokens.iter().map(|token| wire::Rule { selector: selector(token) }).collect(),
            ..Default::default()
        };
        let put = Write::PutPolicy {
            id: self.referrer.trim_start_matches("policy/").into(),
            account: self.account.clone(),
            owner: None,
            spec: spec.encode_to_vec(),
            at_ms: 0,
        };
        database::with!(&self.references.database, |pool| {
            pool.acquire().await.unwrap().write(&put).await.unwrap();
        });
    }

    async fn remembered(&self) -> usize {
        database::with!(&self.references.database, |pool| {
            let mut connection = pool.acquire().await.unwrap();
            let all = crate::store::Reads::token_referrers(&mut *connection, "", i64::MAX, false);
            all.await.unwrap().len()
        })
    }

    async fn may_be_deleted(&self) -> bool {
        let request = DeleteTokenRequest {
            account_id: self.account.clone(),
            id: self.token.clone(),
            ..Default::default()
        };
        self.registry.clone().delete_token(request).await.is_ok()
    }
}

#[tokio::test]
async fn what_a_crash_before_the_commit_left_is_taken_back() {
    let world = World::start().await;
    world.begin(0).await;
    world.tell(vec![world.token.clone()]).await;
    assert!(!world.may_be_deleted().await);
    world.references.state_again(false).await.unwrap();
    assert_eq!(world.remembered().await, 0);
    assert!(world.may_be_deleted().await);
}

#[tokio::test]
async fn what_a_crash_after_the_commit_left_is_settled() {
    let world = World::start().await;
    world.begin(0).await;
    world.store_policy().await;
    world.references.state_again(false).await.unwrap();
    assert!(!world.may_be_deleted().await);
    assert_eq!(world.remembered().await, 1, "settled, and stated again from time to time");
}

#[tokio::test]
async fn what_the_registry_lost_is_stated_again() {
    let world = World::start().await;
    world.begin(0).await;
    world.store_policy().await;
    world.references.state_again(false).await.unwrap();
    world.tell(vec![]).await;
    world.references.state_again(true).await.unwrap();
    assert!(!world.may_be_deleted().await);
}

#[tokio::test]
async fn a_change_on_its_way_is_left_alone() {
    let world = World::start().await;
    world.begin(SystemClock.now().as_millis()).await;
    world.tell(vec![world.token.clone()]).await;
    world.references.state_again(true).await.unwrap();
    assert_eq!(world.remembered().await, 1);
    assert!(!world.may_be_deleted().await);
}

/// The registry was restored from a backup that is older than one of the tokens.
#[tokio::test]
async fn a_token_that_is_gone_does_not_keep_the_others_from_being_named() {
    let world = World::start().await;
    let gone = TokenId::random().to_string();
    world.begin(0).await;
    world.store_policy_of(&[&gone, &world.token]).await;
    world.references.state_again(true).await.unwrap();
    assert!(!world.may_be_deleted().await);
    assert_eq!(world.remembered().await, 1);
    // It can be taken out of the policy, and not put into one.
    let rule = |token: &str| TokenRule { token: token.to_owned(), field: "include/0".to_owned() };
    let reference = |before: &[&str], after: &[&str]| Reference {
        referrer: world.referrer.clone(),
        name: "policy".into(),
        before: before.iter().map(|&id| id.to_owned()).collect(),
        after: after.iter().map(|id| rule(id)).collect(),
        is_same_name: true,
    };
    let state = async |reference: Reference| {
        let stated = world.references.state(&world.account, &[reference]).await?;
        world.references.settle(stated).await;
        Ok::<_, Error>(())
    };
    state(reference(&[&gone, &world.token], &[&world.token])).await.unwrap();
    let refused = state(reference(&[&world.token], &[&gone])).await.unwrap_err();
    assert_eq!((refused.kind(), &*refused.violations()[0].field), (ErrorKind::Invalid, "include/0"));
    assert!(!world.may_be_deleted().await);
}
