use super::no_such_group;
use super::put::tokens;
use crate::audited::Subject;
use crate::change::{Intent, Object, Plan};
use crate::references::Reference;
use crate::rpc::{Rpc, check_account, check_id, wait};
use crate::store::{Tables, Write};
use async_trait::async_trait;
use model::{Error, ErrorKind, GroupId, Timestamp};
use proto::policy_evaluator::{DeleteGroupRequest, DeleteGroupResponse};

struct Delete {
    id: String,
    account: String,
}

#[async_trait]
impl Intent for Delete {
    type Answer = ();

    async fn plan(&self, tables: &mut dyn Tables, _now: Timestamp) -> Result<Plan, Error> {
        let Self { id, account } = self;
        let before = tables.group(account, id).await?.ok_or_else(no_such_group)?.spec()?;
        refuse_if_named(tables, id).await?;
        let referrer = format!("group/{id}");
        let reference = Reference {
            referrer: referrer.clone(),
            name: before.name.clone(),
            before: tokens(&before),
            after: Vec::new(),
            is_same_name: true,
        };
        let forgotten = Write::SetGroupReferences { referrer, groups: Vec::new() };
        Ok(Plan {
            writes: vec![forgotten, Write::DeleteGroup { id: id.clone() }],
            touched: [Object::Group(id.clone())].into(),
            references: vec![reference],
        })
    }

    fn subject(&self) -> Subject {
        Subject::Group(self.id.clone())
    }

    async fn answer(&self, _tables: &mut dyn Tables) -> Result<(), Error> {
        Ok(())
    }
}

/// Names the policies and groups.
async fn refuse_if_named(tables: &mut dyn Tables, id: &str) -> Result<(), Error> {
    let referrers = tables.referrers_of_group(id).await?;
    if referrers.is_empty() {
        return Ok(());
    }
    let mut names = Vec::new();
    for referrer in referrers {
        let name = match referrer.split_once('/') {
            Some(("policy", id)) => {
                tables.policy("", id).await?.map(|row| row.spec()).transpose()?.map(|it| it.name)
            }
            Some(("group", id)) => {
                tables.group("", id).await?.map(|row| row.spec()).transpose()?.map(|it| it.name)
            }
            _ => None,
        };
        names.push(format!("{} ({referrer})", name.unwrap_or_default()));
    }
    let message = format!("the group is named by {}; remove it there first", names.join(", "));
    Err(Error::new(ErrorKind::NotReady, "GROUP_IN_USE", message))
}

impl Rpc {
    pub(in crate::rpc) async fn delete_group(
        &self,
        request: DeleteGroupRequest,
    ) -> Result<DeleteGroupResponse, Error> {
        let DeleteGroupRequest { account_id, id, wait: asked } = request;
        check_account(&account_id)?;
        check_id::<GroupId>(&id, "group")?;
        let intent = Delete { id, account: account_id };
        let ((), propagation) = self.changes.run(&intent, &intent.account, wait(asked)).await?;
        Ok(DeleteGroupResponse { propagation: Some(propagation) })
    }
}
