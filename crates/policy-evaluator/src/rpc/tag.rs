//! Tags. No enforcement point knows them.

use super::{Rpc, check_account, count, read};
use crate::audited::Subject;
use crate::change::{Intent, Plan};
use crate::domain::check_tag;
use crate::store::{Label, Page, Tables, Write};
use async_trait::async_trait;
use change_feed::Wait;
use model::{Error, ErrorKind, Timestamp};
use proto::policy_evaluator::{
    CreateTagRequest, CreateTagResponse, DeleteTagRequest, DeleteTagResponse, GetTagRequest, GetTagResponse,
    ListTagsRequest, ListTagsResponse, Tag, UpdateTagRequest, UpdateTagResponse,
};

/// What happens to the tag `name`.
struct Edit {
    account: String,
    name: String,
    kind: Kind,
}

enum Kind {
    Create,
    Rename(String),
    Delete,
}

#[async_trait]
impl Intent for Edit {
    /// None: it is gone.
    type Answer = Option<Tag>;

    async fn plan(&self, tables: &mut dyn Tables, now: Timestamp) -> Result<Plan, Error> {
        let (account, name, at_ms) = (self.account.clone(), self.name.clone(), now.as_millis());
        let label = match &self.kind {
            Kind::Create => {
                refuse_if_taken(tables, &account, &name).await?;
                Label::CreateTag { account, name, at_ms }
            }
            Kind::Rename(to) if *to == name => {
                get(tables, &account, &name).await?;
                return Ok(Plan::default());
            }
            Kind::Rename(to) => {
                refuse_if_used(&get(tables, &account, &name).await?)?;
                refuse_if_taken(tables, &account, to).await?;
                Label::RenameTag { account, from: name, to: to.clone(), at_ms }
            }
            Kind::Delete => {
                refuse_if_used(&get(tables, &account, &name).await?)?;
                Label::DeleteTag { account, name }
            }
        };
        Ok(Plan { writes: vec![Write::Label(label)], ..Plan::default() })
    }

    fn subject(&self) -> Subject {
        let (before, after) = match &self.kind {
            Kind::Create => (String::new(), self.name.clone()),
            Kind::Rename(to) => (self.name.clone(), to.clone()),
            Kind::Delete => (self.name.clone(), String::new()),
        };
        Subject::Tag { before, after }
    }

    async fn answer(&self, tables: &mut dyn Tables) -> Result<Option<Tag>, Error> {
        match &self.kind {
            Kind::Create => get(tables, &self.account, &self.name).await.map(Some),
            Kind::Rename(to) => get(tables, &self.account, to).await.map(Some),
            Kind::Delete => Ok(None),
        }
    }
}

async fn get(tables: &mut dyn Tables, account: &str, name: &str) -> Result<Tag, Error> {
    let row = tables.tag(account, name).await?.ok_or_else(|| Error::not_found("tag"))?;
    Ok(row.into_wire())
}

async fn refuse_if_taken(tables: &mut dyn Tables, account: &str, name: &str) -> Result<(), Error> {
    if tables.tag(account, name).await?.is_none() {
        return Ok(());
    }
    let violation = Error::invalid("name", "is the name of another tag already");
    Err(Error::new(ErrorKind::AlreadyExists, "TAG_ALREADY_EXISTS", violation.message())
        .with_violations(violation.violations().to_vec()))
}

fn refuse_if_used(tag: &Tag) -> Result<(), Error> {
    if tag.app_count == 0 {
        return Ok(());
    }
    let message = format!("the tag is used by {} applications; remove it there first", tag.app_count);
    Err(Error::new(ErrorKind::NotReady, "TAG_IN_USE", message))
}

impl Rpc {
    async fn edit_tag(&self, account: String, name: String, kind: Kind) -> Result<Option<Tag>, Error> {
        check_account(&account)?;
        let intent = Edit { account, name, kind };
        Ok(self.changes.run(&intent, &intent.account, Wait::None).await?.0)
    }

    pub(super) async fn create_tag(&self, request: CreateTagRequest) -> Result<CreateTagResponse, Error> {
        let CreateTagRequest { account_id, name } = request;
        check_tag(&name, "name")?;
        Ok(CreateTagResponse { tag: self.edit_tag(account_id, name, Kind::Create).await? })
    }

    pub(super) async fn get_tag(&self, request: GetTagRequest) -> Result<GetTagResponse, Error> {
        let GetTagRequest { account_id, name } = request;
        check_account(&account_id)?;
        let tag = read!(&self.database, |tables| get(tables, &account_id, &name).await?);
        Ok(GetTagResponse { tag: Some(tag) })
    }

    pub(super) async fn list_tags(&self, request: ListTagsRequest) -> Result<ListTagsResponse, Error> {
        let ListTagsRequest { account_id, page, per_page } = request;
        check_account(&account_id)?;
        let page = Page::new(page, per_page);
        let (rows, total) = read!(&self.database, |tables| tables.tags(&account_id, page).await?);
        let tags = rows.into_iter().map(crate::store::TagRow::into_wire).collect();
        Ok(ListTagsResponse { tags, total_count: count(total) })
    }

    pub(super) async fn update_tag(&self, request: UpdateTagRequest) -> Result<UpdateTagResponse, Error> {
        let UpdateTagRequest { account_id, name, new_name } = request;
        check_tag(&new_name, "name")?;
        Ok(UpdateTagResponse { tag: self.edit_tag(account_id, name, Kind::Rename(new_name)).await? })
    }

    pub(super) async fn delete_tag(&self, request: DeleteTagRequest) -> Result<DeleteTagResponse, Error> {
        let DeleteTagRequest { account_id, name } = request;
        self.edit_tag(account_id, name, Kind::Delete).await?;
        Ok(DeleteTagResponse {})
    }
}
