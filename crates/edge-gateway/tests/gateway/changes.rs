//! What an operator changes.

use crate::world::{World, policy};
use proto::policy_evaluator::rule::Selector;
use proto::policy_evaluator::{
    Application, ApplicationSpec, Decision, DeleteApplicationRequest, ListApplicationsRequest, PolicyLink,
    PolicyLinks, UpdateApplicationRequest, policy_link,
};
use proto::session_issuer::RevokeApplicationSessionsRequest;
use proto::token_registry::{RotateTokenRequest, Token, UpdateTokenRequest};

/// Each returns when what was promised has come true.
impl World {
    pub async fn application(&self, domain: &str) -> Application {
        let request = ListApplicationsRequest {
            account_id: self.account.to_string(),
            domain: domain.to_owned(),
            ..ListApplicationsRequest::default()
        };
        let found = self.policies.clone().list_applications(request).await.unwrap().into_inner();
        found.applications.into_iter().next().unwrap()
    }

    /// Changes an application's settings or its policies.
    pub async fn edit(
        &self,
        domain: &str,
        edit: impl FnOnce(&mut ApplicationSpec),
        selector: Option<Selector>,
    ) {
        let Application { id, spec, .. } = self.application(domain).await;
        let mut spec = spec.unwrap();
        edit(&mut spec);
        let link = |selector| PolicyLink {
            policy: Some(policy_link::Policy::Inline(policy(Decision::NonIdentity, selector))),
            ..PolicyLink::default()
        };
        let request = UpdateApplicationRequest {
            account_id: self.account.to_string(),
            id,
            spec: Some(spec),
            policies: selector.map(|selector| PolicyLinks { links: vec![link(selector)] }),
            ..UpdateApplicationRequest::default()
        };
        self.policies.clone().update_application(request).await.unwrap();
    }

    /// Ends every session of an application.
    pub async fn revoke_sessions(&self, domain: &str) {
        let request = RevokeApplicationSessionsRequest {
            account_id: self.account.to_string(),
            application_id: self.application(domain).await.id,
            ..RevokeApplicationSessionsRequest::default()
        };
        self.sessions.clone().revoke_application_sessions(request).await.unwrap();
    }

    pub async fn delete_application(&self, domain: &str) {
        let request = DeleteApplicationRequest {
            account_id: self.account.to_string(),
            id: self.application(domain).await.id,
            ..DeleteApplicationRequest::default()
        };
        self.policies.clone().delete_application(request).await.unwrap();
    }

    pub async fn disable(&self, token: &Token) {
        let request = UpdateTokenRequest {
            account_id: self.account.to_string(),
            id: token.id.clone(),
            enabled: Some(false),
            ..UpdateTokenRequest::default()
        };
        self.registry.clone().update_token(request).await.unwrap();
    }

    /// The secret before stops at once.
    pub async fn rotate(&self, token: &Token) {
        let request = RotateTokenRequest {
            account_id: self.account.to_string(),
            id: token.id.clone(),
            ..RotateTokenRequest::default()
        };
        self.registry.clone().rotate_token(request).await.unwrap();
    }
}
