//! Creating and replacing a group differ only in whether it must be there.

use super::no_such_group;
use crate::audited::Subject;
use crate::change::{Intent, Object, Plan};
use crate::domain::{check_group, token_rules};
use crate::references::Reference;
use crate::rpc::policy::{groups_of, named_groups};
use crate::rpc::{Rpc, check_account, check_id, spec, wait};
use crate::store::{Tables, Write};
use async_trait::async_trait;
use model::{Error, GroupId, Timestamp};
use prost::Message as _;
use proto::policy_evaluator::{
    CreateGroupRequest, CreateGroupResponse, Group, GroupSpec, UpdateGroupRequest, UpdateGroupResponse,
};

struct Put {
    id: GroupId,
    account: String,
    spec: GroupSpec,
    is_new: bool,
}

#[async_trait]
impl Intent for Put {
    type Answer = Group;

    async fn plan(&self, tables: &mut dyn Tables, now: Timestamp) -> Result<Plan, Error> {
        let Self { id, account, spec, is_new } = self;
        let before = tables.group(account, &id.to_string()).await?.map(|row| row.spec()).transpose()?;
        if before.is_none() && !is_new {
            return Err(no_such_group());
        }
        let group = check_group(*id, spec)?;
        let groups = groups_of(tables, account).await?;
        group.validate(|id| groups.get(&id))?;
        let referrer = format!("group/{id}");
        let put = Write::PutGroup {
            id: id.to_string(),
            account: account.clone(),
            name: spec.name.clone(),
            spec: spec.encode_to_vec(),
            at_ms: now.as_millis(),
        };
        let named =
            Write::SetGroupReferences { referrer: referrer.clone(), groups: named_groups(&group.rules) };
        let reference = Reference {
            referrer,
            name: spec.name.clone(),
            before: before.as_ref().map(tokens).unwrap_or_default(),
            after: token_rules(&spec.include, &spec.require, &spec.exclude),
            is_same_name: before.is_some_and(|before| before.name == spec.name),
        };
        Ok(Plan {
            writes: vec![put, named],
            touched: [Object::Group(id.to_string())].into(),
            references: vec![reference],
        })
    }

    fn subject(&self) -> Subject {
        Subject::Group(self.id.to_string())
    }

    async fn answer(&self, tables: &mut dyn Tables) -> Result<Group, Error> {
        let row = tables.group(&self.account, &self.id.to_string()).await?;
        row.ok_or_else(no_such_group)?.into_wire()
    }
}

pub(super) fn tokens(spec: &GroupSpec) -> Vec<String> {
    token_rules(&spec.include, &spec.require, &spec.exclude).into_iter().map(|rule| rule.token).collect()
}

impl Rpc {
    pub(in crate::rpc) async fn create_group(
        &self,
        request: CreateGroupRequest,
    ) -> Result<CreateGroupResponse, Error> {
        let CreateGroupRequest { account_id, spec: given, wait: asked } = request;
        check_account(&account_id)?;
        let intent = Put { id: GroupId::random(), account: account_id, spec: spec(given)?, is_new: true };
        let (group, propagation) = self.changes.run(&intent, &intent.account, wait(asked)).await?;
        Ok(CreateGroupResponse { group: Some(group), propagation: Some(propagation) })
    }

    pub(in crate::rpc) async fn update_group(
        &self,
        request: UpdateGroupRequest,
    ) -> Result<UpdateGroupResponse, Error> {
        let UpdateGroupRequest { account_id, id, spec: given, wait: asked } = request;
        check_account(&account_id)?;
        let id = check_id(&id, "group")?;
        let intent = Put { id, account: account_id, spec: spec(given)?, is_new: false };
        let (group, propagation) = self.changes.run(&intent, &intent.account, wait(asked)).await?;
        Ok(UpdateGroupResponse { group: Some(group), propagation: Some(propagation) })
    }
}
