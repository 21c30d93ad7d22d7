use super::no_such_group;
use crate::rpc::{Rpc, check_account, check_id, count, read};
use crate::store::{GroupFilter, GroupRow, Page};
use model::{Error, GroupId};
use proto::policy_evaluator::{GetGroupRequest, GetGroupResponse, ListGroupsRequest, ListGroupsResponse};

impl Rpc {
    pub(in crate::rpc) async fn get_group(
        &self,
        request: GetGroupRequest,
    ) -> Result<GetGroupResponse, Error> {
        let GetGroupRequest { account_id, id } = request;
        check_account(&account_id)?;
        check_id::<GroupId>(&id, "group")?;
        let row = read!(&self.database, |tables| tables.group(&account_id, &id).await?);
        Ok(GetGroupResponse { group: Some(row.ok_or_else(no_such_group)?.into_wire()?) })
    }

    pub(in crate::rpc) async fn list_groups(
        &self,
        request: ListGroupsRequest,
    ) -> Result<ListGroupsResponse, Error> {
        let ListGroupsRequest { account_id, name, search, page, per_page } = request;
        check_account(&account_id)?;
        let (filter, page) = (GroupFilter { name, search }, Page::new(page, per_page));
        let (rows, total) = read!(&self.database, |tables| tables.groups(&account_id, &filter, page).await?);
        let groups = rows.into_iter().map(GroupRow::into_wire).collect::<Result<_, _>>()?;
        Ok(ListGroupsResponse { groups, total_count: count(total) })
    }
}
